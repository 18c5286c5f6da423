# A checkpoint's manifest, and the list of page hashes. See ckpt/image.h and ckpt/page_hash.h.
@0xe6edc7007e21c1bb;

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("ckpt::schema");

struct Region {
  start @0 :UInt64;
  end @1 :UInt64;
  prot @2 :UInt32;
  flags @3 :UInt32;          # kRegion*
  kind @4 :UInt8;            # RegionKind
  name @5 :Data;             # Data, not Text: a path has any bytes
  fileHash @6 :Text;         # 32 hex digits, or empty
  fileBytes @7 :UInt64;
  fileOffset @8 :UInt64;
  device @9 :UInt64;
  inode @10 :UInt64;
}

struct Task {
  task @0 :UInt32;
  tid @1 :Int32;
  registers @2 :List(UInt64);  # 18, ckpt::reg
  fsBase @3 :UInt64;
  gsBase @4 :UInt64;
  signalMask @5 :UInt64;
  xsave @6 :Data;
  agentState @7 :Data;
}

# Pages in a row.
struct Run {
  address @0 :UInt64;
  pages @1 :UInt64;
  source @2 :UInt8;          # PageSource
  first @3 :UInt64;          # of stored pages: place of the first among all stored pages
}

struct Image {
  number @0 :UInt32;
  regions @1 :List(Region);
  runs @2 :List(Run);
  segments @3 :List(UInt64); # offset of each segment in image-N.pages
  storedPages @4 :UInt64;
  tasks @5 :List(Task);
  agentState @6 :Data;
}

# Last message of hashes-N; the hashes are in the frames before it.
struct Hashes {
  number @0 :UInt32;
  regions @1 :List(Region);
  pages @2 :UInt64;          # hashes in the frames
}
