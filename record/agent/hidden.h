// Included ahead of everything by the build: what is only declared is hidden too, so that the
// compiler reaches it relative to the program counter and the blob needs no relocation.
#pragma GCC visibility push(hidden)
