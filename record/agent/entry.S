// The ways into the agent and out of it.
//
// A trampoline comes with %rcx = its descriptor and the program's %rcx in %gs:0x10. The
// program's stack is never touched: not its red zone, not a word. A trap handler comes the
// same way, by pointing the interrupted context here.

#include "record/agent/offsets.h"

        .text
        .globl  ckpt_agent_entry
        .hidden ckpt_agent_entry
        .p2align 6
ckpt_agent_entry:
        mov     %rsp, %gs:TASK_SAVED_RSP
        mov     %gs:TASK_STACK_TOP, %rsp
        pushq   %gs:TASK_SAVED_RSP
        pushfq
        cld
        pushq   0(%rcx)                 // desc->tail
        push    %rdi
        push    %rsi
        push    %rdx
        pushq   %gs:TASK_SCRATCH_RCX
        push    %rax
        push    %r8
        push    %r9
        push    %r10
        push    %r11
        push    %rbx
        push    %rbp
        push    %r12
        push    %r13
        push    %r14
        push    %r15
        mov     %rsp, %rdi
        mov     %rcx, %rsi
        call    ckpt_agent_entered
        // Falls into the way out: %rsp is at the frame again.
        .globl  ckpt_agent_leave
        .hidden ckpt_agent_leave
ckpt_agent_leave:
        pop     %r15
        pop     %r14
        pop     %r13
        pop     %r12
        pop     %rbp
        pop     %rbx
        pop     %r11
        pop     %r10
        pop     %r9
        pop     %r8
        pop     %rax
        pop     %rcx
        pop     %rdx
        pop     %rsi
        pop     %rdi
        popq    %gs:TASK_RESUME
        popfq
        pop     %rsp
        jmp     *%gs:TASK_RESUME

// An interposed call wants the agent: the shim jumps here with the address to go on at in
// %r11 and everything else as the program left it.
        .globl  ckpt_agent_point
        .hidden ckpt_agent_point
        .p2align 4
ckpt_agent_point:
        mov     %rcx, %gs:TASK_SCRATCH_RCX
        mov     %r11, %gs:TASK_TRAP
        movl    $18, %gs:TASK_TRAP+24
        mov     %gs:0, %rcx
        lea     TASK_TRAP(%rcx), %rcx
        jmp     ckpt_agent_entry

// u32 random(): the shim's std::random_device comes here by a call.
        .globl  ckpt_agent_random
        .hidden ckpt_agent_random
        .p2align 4
ckpt_agent_random:
        pop     %r11                    // a call may use its stack word
        mov     %rcx, %gs:TASK_SCRATCH_RCX
        mov     %r11, %gs:TASK_TRAP
        movl    $19, %gs:TASK_TRAP+24
        mov     %gs:0, %rcx
        lea     TASK_TRAP(%rcx), %rcx
        jmp     ckpt_agent_entry

// The shim calls this once: rdi = its parameters. It looks to the agent like an entry whose
// tail is the return address, so that checkpoint 0 resumes there.
        .globl  ckpt_agent_start
        .hidden ckpt_agent_start
        .p2align 4
ckpt_agent_start:
        push    %rdi
        sub     $8, %rsp
        mov     %rsp, %rsi
        call    ckpt_agent_first_task   // sets GS
        add     $8, %rsp
        pop     %rdi
        pop     %r11
        mov     %rcx, %gs:TASK_SCRATCH_RCX
        mov     %r11, %gs:TASK_TRAP
        movl    $20, %gs:TASK_TRAP+24
        mov     %gs:0, %rcx
        lea     TASK_TRAP(%rcx), %rcx
        jmp     ckpt_agent_entry

// i64 blocking_syscall(Task *, u64 number, const u64 args[6]): makes the call unless a signal
// is pending; a signal that arrives before the call is entered makes it return -EINTR.
// Our handler moves a pc inside [begin, end) to `aborted`.
        .globl  ckpt_agent_blocking_syscall
        .hidden ckpt_agent_blocking_syscall
        .p2align 4
ckpt_agent_blocking_syscall:
        push    %rbx
        mov     %rdi, %rbx
        mov     %rsi, %rax
        mov     %rdx, %r11
        mov     0(%r11), %rdi
        mov     8(%r11), %rsi
        mov     16(%r11), %rdx
        mov     24(%r11), %r10
        mov     32(%r11), %r8
        mov     40(%r11), %r9
        .globl  ckpt_agent_blocking_begin
        .hidden ckpt_agent_blocking_begin
ckpt_agent_blocking_begin:
        cmpl    $0, TASK_ABORT_BLOCKING(%rbx)
        jne     ckpt_agent_blocking_aborted
        syscall
        .globl  ckpt_agent_blocking_end
        .hidden ckpt_agent_blocking_end
ckpt_agent_blocking_end:
        pop     %rbx
        ret
        .globl  ckpt_agent_blocking_aborted
        .hidden ckpt_agent_blocking_aborted
ckpt_agent_blocking_aborted:
        mov     $-4, %rax
        pop     %rbx
        ret

// u64 ckpt_agent_copy(to, from, bytes): see base.h. A fault inside jumps to `fixup` with
// the bytes not copied in %rcx.
        .globl  ckpt_agent_copy
        .hidden ckpt_agent_copy
        .p2align 4
ckpt_agent_copy:
        mov     %rdx, %rcx
        mov     %rdx, %rax
        cmp     $64, %rdx
        ja      2f
        .globl  ckpt_agent_copy_begin
        .hidden ckpt_agent_copy_begin
ckpt_agent_copy_begin:
1:      cmp     $8, %rcx
        jb      3f
        mov     (%rsi), %r8
        mov     %r8, (%rdi)
        add     $8, %rsi
        add     $8, %rdi
        sub     $8, %rcx
        jmp     1b
2:      rep movsb
        ret
3:      test    %rcx, %rcx
        jz      5f
4:      movzbl  (%rsi), %r8d
        mov     %r8b, (%rdi)
        inc     %rsi
        inc     %rdi
        dec     %rcx
        jnz     4b
5:      ret
        .globl  ckpt_agent_copy_end
        .hidden ckpt_agent_copy_end
ckpt_agent_copy_end:
        .globl  ckpt_agent_copy_fixup
        .hidden ckpt_agent_copy_fixup
ckpt_agent_copy_fixup:
        sub     %rcx, %rax
        ret

// Handlers installed with the kernel return through this.
        .globl  ckpt_agent_restorer
        .hidden ckpt_agent_restorer
        .p2align 4
ckpt_agent_restorer:
        mov     $15, %eax
        syscall
        .globl  ckpt_agent_handler
        .hidden ckpt_agent_handler
        .p2align 4
ckpt_agent_handler:
        sub     $8, %rsp
        call    ckpt_agent_signalled
        add     $8, %rsp
        ret

// i64 ckpt_agent_clone(flags, stack, parent_tid, child_tid, tls, Task *child): the child gets
// no program stack: it starts on its agent stack and never returns from here.
        .globl  ckpt_agent_clone
        .hidden ckpt_agent_clone
        .p2align 4
ckpt_agent_clone:
        push    %r12
        mov     %r9, %r12
        mov     %rcx, %r10
        mov     $56, %eax
        syscall
        test    %rax, %rax
        jz      1f
        pop     %r12
        ret
1:      mov     %r12, %rdi
        mov     TASK_STACK_TOP(%rdi), %rsp
        sub     $FRAME_BYTES, %rsp      // the frame its creator prepared lies there
        call    ckpt_agent_task_started
        mov     %gs:TASK_STACK_TOP, %rsp
        sub     $FRAME_BYTES, %rsp
        jmp     ckpt_agent_leave

// void ckpt_agent_exit(status): ends the thread; touches no stack.
        .globl  ckpt_agent_exit_thread
        .hidden ckpt_agent_exit_thread
ckpt_agent_exit_thread:
        mov     $60, %eax
        syscall
        ud2

// void ckpt_agent_switch(u64 *save_rsp, u64 load_rsp): coroutine switch between agent stacks.
        .globl  ckpt_agent_switch
        .hidden ckpt_agent_switch
        .p2align 4
ckpt_agent_switch:
        push    %rbx
        push    %rbp
        push    %r12
        push    %r13
        push    %r14
        push    %r15
        mov     %rsp, (%rdi)
        mov     %rsi, %rsp
        pop     %r15
        pop     %r14
        pop     %r13
        pop     %r12
        pop     %rbp
        pop     %rbx
        ret

// A replayed task's first switch lands here: its task is in %rbx.
        .globl  ckpt_agent_task_born
        .hidden ckpt_agent_task_born
ckpt_agent_task_born:
        mov     %rbx, %rdi
        call    ckpt_agent_task_started
        mov     %gs:TASK_STACK_TOP, %rsp
        sub     $FRAME_BYTES, %rsp
        jmp     ckpt_agent_leave

        .section .note.GNU-stack,"",@progbits
