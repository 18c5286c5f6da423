// Entered by a jump, with every other mapping about to go: takes a stack of the zone first.
#include "record/agent/offsets.h"

        .text
        .globl  ckpt_agent_restore
        .hidden ckpt_agent_restore
ckpt_agent_restore:
        lea     ckpt_agent_blob(%rip), %rax
        add     $RESTORE_STACK_TOP, %rax
        mov     %rax, %rsp
        sub     $(FRAME_BYTES + 128), %rsp
        and     $-16, %rsp
        cld
        call    ckpt_agent_restore_main
        mov     %gs:TASK_STACK_TOP, %rsp
        sub     $FRAME_BYTES, %rsp
        jmp     ckpt_agent_leave
        .section .note.GNU-stack,"",@progbits
