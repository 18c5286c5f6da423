// The start of the agent's blob: places that images of old traces know.
#include "record/agent/params.h"

        .section .blob, "ax", @progbits
        .globl  ckpt_agent_blob
        .hidden ckpt_agent_blob
ckpt_agent_blob:
        .quad   CKPT_BLOB_MAGIC
        .quad   ckpt_agent_text_bytes
        .quad   ckpt_agent_file_bytes
        .quad   ckpt_agent_memory_bytes
        .org    CKPT_BLOB_START
        jmp     ckpt_agent_start
        .org    CKPT_BLOB_ENTRY
        jmp     ckpt_agent_entry
        .org    CKPT_BLOB_POINT
        jmp     ckpt_agent_point
        .org    CKPT_BLOB_RANDOM
        jmp     ckpt_agent_random
        .org    CKPT_BLOB_RESTORE
        jmp     ckpt_agent_restore
        .org    0x100
        .section .note.GNU-stack,"",@progbits
