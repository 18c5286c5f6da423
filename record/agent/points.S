// Interposed functions: each counts a point and goes on to the next definition. At a point the
// agent may give the turn away, or deliver a signal, and replay finds the place by the count.
// Costs about as much as the jump through the PLT that led here. ckpt_shim_next begins with
// the way to find the next definition.
//
// POINT name, index: `index` is its place in ckpt_shim_next and in ckpt_shim_names.

#include "record/agent/params.h"

        .text
        .macro  POINT name, index
        .globl  \name
        .type   \name, @function
        .balign CKPT_POINT_BYTES
\name:
        mov     ckpt_shim_table+32(%rip), %r11  // attention
        cmpl    $0, (%r11)
        jne     2f
        decq    %gs:0x28                        // points_left
        je      4f
1:      jmp     *ckpt_shim_next+8*\index(%rip)
2:      cmpq    $0, ckpt_shim_table+8(%rip)     // enabled
        je      1b
        decq    %gs:0x28
4:      lea     1b(%rip), %r11
        jmp     *ckpt_shim_table+16(%rip)       // point
        .size   \name, . - \name
3:      mov     $\index, %r11d
        call    resolve
        jmp     1b
        .section .data.next, "aw", @progbits
        .quad   3b
        .text
        .endm

        .section .data.next, "aw", @progbits
        .balign 8
        .globl  ckpt_shim_next
        .hidden ckpt_shim_next
ckpt_shim_next:
        .text
        .balign CKPT_POINT_BYTES
        .globl  ckpt_shim_points
        .hidden ckpt_shim_points
ckpt_shim_points:
        POINT   malloc, 0
        POINT   free, 1
        POINT   calloc, 2
        POINT   realloc, 3
        POINT   pthread_mutex_lock, 4
        POINT   pthread_mutex_unlock, 5
        POINT   pthread_mutex_trylock, 6
        POINT   pthread_rwlock_rdlock, 7
        POINT   pthread_rwlock_wrlock, 8
        POINT   pthread_rwlock_unlock, 9
        POINT   pthread_spin_lock, 10
        POINT   pthread_testcancel, 11
        POINT   __cxa_guard_acquire, 12
        POINT   posix_memalign, 13
        POINT   aligned_alloc, 14

// Keeps the arguments, %r11 = index.
resolve:
        push    %rbp
        mov     %rsp, %rbp
        push    %rdi
        push    %rsi
        push    %rdx
        push    %rcx
        push    %r8
        push    %r9
        and     $-16, %rsp
        mov     %r11d, %edi
        call    ckpt_shim_resolve
        lea     -48(%rbp), %rsp
        pop     %r9
        pop     %r8
        pop     %rcx
        pop     %rdx
        pop     %rsi
        pop     %rdi
        pop     %rbp
        ret
        .section .note.GNU-stack,"",@progbits
