# What is written once for each trace: its header and its end.
# Rules for changing this file are in trace/store/FORMAT.md.
@0xf3cd4d5e443ddbe5;

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("ckpt::schema");

struct Header {
  formatVersion @0 :UInt32;
  needsReaderVersion @1 :UInt32;
  abiVersion @2 :UInt32;
  mode @3 :Text;                 # "strict"
  argv @4 :List(Data);           # Data, not Text: the kernel gives any bytes
  environment @5 :List(Data);
  workingDirectory @6 :Data;
  program @7 :Data;
  ckptVersion @8 :Text;
  kernel @9 :Text;
  zoneBase @10 :UInt64;
  startedNs @11 :UInt64;         # CLOCK_REALTIME
  tscHz @12 :UInt64;
  xcr0 @13 :UInt64;
  xsaveBytes @14 :UInt32;
  pid @15 :Int32;
  cpuid @16 :List(CpuidRow);
}

struct CpuidRow {
  leaf @0 :UInt32;
  subleaf @1 :UInt32;
  eax @2 :UInt32;
  ebx @3 :UInt32;
  ecx @4 :UInt32;
  edx @5 :UInt32;
}

struct End {
  how @0 :UInt16;                # abi::EndHow
  status @1 :Int64;
  events @2 :UInt64;
  endedNs @3 :UInt64;
  children @4 :UInt64;
  slowEntries @5 :UInt64;
  inexactEvent @6 :UInt64;
  discarded @7 :Bool;
  note @8 :Text;
  hasFinalHash @9 :Bool;
  refused @10 :List(Text);
}
