/* A machine with AVX2 alone, for measuring: LD_PRELOAD this and CPUID denies AVX-512, VNNI, AVX-VNNI and AMX.
 *
 * The processor must let CPUID fault (`cpuid_fault` in /proc/cpuinfo). Each CPUID then raises SIGSEGV, and the handler answers it with
 * what the processor says less those bits. Programs still run at full speed. XGETBV cannot be masked; libraries look at both.
 */
#define _GNU_SOURCE
#include <cpuid.h>
#include <signal.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#define ARCH_SET_CPUID 0x1012

static void answer(int number, siginfo_t *info, void *context) {
    (void)info;
    greg_t *at = ((ucontext_t *)context)->uc_mcontext.gregs;
    const unsigned char *code = (const unsigned char *)at[REG_RIP];
    if (code[0] != 0x0f || code[1] != 0xa2) {
        signal(number, SIG_DFL); /* A fault of the program's own: it happens again, and ends it. */
        return;
    }
    unsigned leaf = at[REG_RAX], part = at[REG_RCX], a, b, c, d;
    syscall(SYS_arch_prctl, ARCH_SET_CPUID, 1);
    __cpuid_count(leaf, part, a, b, c, d);
    syscall(SYS_arch_prctl, ARCH_SET_CPUID, 0);
    if (leaf == 7 && part == 0) {
        a = 0;                                                                                      /* no further part */
        b &= ~(1u << 16 | 1u << 17 | 1u << 21 | 1u << 26 | 1u << 27 | 1u << 28 | 1u << 30 | 1u << 31); /* AVX-512 F to VL */
        c &= ~(1u << 1 | 1u << 6 | 1u << 8 | 1u << 11 | 1u << 12 | 1u << 14);                       /* VBMI, GFNI, VNNI */
        d &= ~(1u << 2 | 1u << 3 | 1u << 8 | 1u << 22 | 1u << 23 | 1u << 24 | 1u << 25);            /* FP16, AMX */
    } else if (leaf == 7 || leaf == 0x1d || leaf == 0x1e || leaf == 0x24) {
        a = b = c = d = 0; /* AVX-VNNI, AVX10, tiles of AMX */
    } else if (leaf == 0xd && part == 0) {
        a &= 7; /* states of x87, SSE and AVX */
    }
    at[REG_RAX] = a, at[REG_RBX] = b, at[REG_RCX] = c, at[REG_RDX] = d;
    at[REG_RIP] += 2;
}

__attribute__((constructor)) static void deny(void) {
    struct sigaction action = {.sa_sigaction = answer, .sa_flags = SA_SIGINFO | SA_NODEFER | SA_ONSTACK};
    sigaction(SIGSEGV, &action, NULL);
    if (syscall(SYS_arch_prctl, ARCH_SET_CPUID, 0) != 0) {
        static const char no[] = "avx2_only: this kernel or processor does not let CPUID fault.\n";
        (void)!write(2, no, sizeof no - 1);
        _exit(1);
    }
}
