# A chunk of events as columns. How an event becomes bytes of them is in trace/store/FORMAT.md.
@0xb1c6710a19af10f3;

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("ckpt::schema");

struct Chunk {
  shapes @0 :List(Shape);    # in order of first use
  shapeOf @1 :Data;          # for each event its shape: u8, or u16 if there are more than 256
  changed @2 :Data;          # for each event one byte: which fields differ from the forecast
  tasks @3 :Data;            # runs: varint events, zigzag step
  times @4 :Data;            # runs: varint events, zigzag step
  results @5 :Data;          # zigzag
  args @6 :List(Data);       # 7 streams, zigzag: arguments 0 to 5, and all later ones
  parts @7 :Data;            # for each part one byte: how it differs, how its bytes are kept
  addresses @8 :Data;        # zigzag
  lengths @9 :Data;          # zigzag
  words @10 :Data;           # zigzag
  bytes @11 :Data;           # contents, end to end
}

# Events that differ in numbers only.
struct Shape {
  kind @0 :UInt8;
  args @1 :UInt8;
  number @2 :UInt16;
  parts @3 :List(UInt32);    # role | argument << 8 | cut << 16
}
