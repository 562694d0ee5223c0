//go:build !purego

#include "textflag.h"

// An aesKeys holds 15 round keys of 16 bytes, then the number of rounds.
#define ROUNDS 240

// func encryptAESNI(k *aesKeys, dst, src *byte, count int)
//
// AX round keys, R8 rounds between the first key and the last, DI dst, SI src,
// CX blocks left, R9 and R10 the next round key and the rounds left.
TEXT ·encryptAESNI(SB), NOSPLIT, $0-32
	MOVQ k+0(FP), AX
	MOVQ dst+8(FP), DI
	MOVQ src+16(FP), SI
	MOVQ count+24(FP), CX
	MOVQ ROUNDS(AX), R8
	DECQ R8

// Eight blocks: AESENC takes about four cycles, and one or two start in each.
eight:
	CMPQ   CX, $8
	JB     one
	MOVUPS (AX), X8
	MOVUPS 0(SI), X0
	MOVUPS 16(SI), X1
	MOVUPS 32(SI), X2
	MOVUPS 48(SI), X3
	MOVUPS 64(SI), X4
	MOVUPS 80(SI), X5
	MOVUPS 96(SI), X6
	MOVUPS 112(SI), X7
	PXOR   X8, X0
	PXOR   X8, X1
	PXOR   X8, X2
	PXOR   X8, X3
	PXOR   X8, X4
	PXOR   X8, X5
	PXOR   X8, X6
	PXOR   X8, X7
	LEAQ   16(AX), R9
	MOVQ   R8, R10

eightRound:
	MOVUPS (R9), X8
	AESENC X8, X0
	AESENC X8, X1
	AESENC X8, X2
	AESENC X8, X3
	AESENC X8, X4
	AESENC X8, X5
	AESENC X8, X6
	AESENC X8, X7
	ADDQ   $16, R9
	DECQ   R10
	JNZ    eightRound

	MOVUPS     (R9), X8
	AESENCLAST X8, X0
	AESENCLAST X8, X1
	AESENCLAST X8, X2
	AESENCLAST X8, X3
	AESENCLAST X8, X4
	AESENCLAST X8, X5
	AESENCLAST X8, X6
	AESENCLAST X8, X7
	MOVUPS     X0, 0(DI)
	MOVUPS     X1, 16(DI)
	MOVUPS     X2, 32(DI)
	MOVUPS     X3, 48(DI)
	MOVUPS     X4, 64(DI)
	MOVUPS     X5, 80(DI)
	MOVUPS     X6, 96(DI)
	MOVUPS     X7, 112(DI)
	ADDQ       $128, SI
	ADDQ       $128, DI
	SUBQ       $8, CX
	JMP        eight

// The rest, one by one: the processor overlaps the turns of this loop.
one:
	TESTQ  CX, CX
	JZ     done
	MOVUPS (AX), X8
	MOVUPS (SI), X0
	PXOR   X8, X0
	LEAQ   16(AX), R9
	MOVQ   R8, R10

oneRound:
	MOVUPS (R9), X8
	AESENC X8, X0
	ADDQ   $16, R9
	DECQ   R10
	JNZ    oneRound

	MOVUPS     (R9), X8
	AESENCLAST X8, X0
	MOVUPS     X0, (DI)
	ADDQ       $16, SI
	ADDQ       $16, DI
	DECQ       CX
	JMP        one

done:
	RET

// func encryptVAES(k *aesKeys, dst, src *byte, count int)
//
// Registers as above. A 512-bit register holds four blocks, and VAESENC works on
// each of the four by itself; the round key is loaded into all of them.
TEXT ·encryptVAES(SB), NOSPLIT, $0-32
	MOVQ k+0(FP), AX
	MOVQ dst+8(FP), DI
	MOVQ src+16(FP), SI
	MOVQ count+24(FP), CX
	MOVQ ROUNDS(AX), R8
	DECQ R8

sixteen:
	CMPQ             CX, $16
	JB               rest
	VBROADCASTI32X4  (AX), Z4
	VPXORQ           0(SI), Z4, Z0
	VPXORQ           64(SI), Z4, Z1
	VPXORQ           128(SI), Z4, Z2
	VPXORQ           192(SI), Z4, Z3
	LEAQ             16(AX), R9
	MOVQ             R8, R10

sixteenRound:
	VBROADCASTI32X4 (R9), Z4
	VAESENC         Z4, Z0, Z0
	VAESENC         Z4, Z1, Z1
	VAESENC         Z4, Z2, Z2
	VAESENC         Z4, Z3, Z3
	ADDQ            $16, R9
	DECQ            R10
	JNZ             sixteenRound

	VBROADCASTI32X4 (R9), Z4
	VAESENCLAST     Z4, Z0, Z0
	VAESENCLAST     Z4, Z1, Z1
	VAESENCLAST     Z4, Z2, Z2
	VAESENCLAST     Z4, Z3, Z3
	VMOVDQU64       Z0, 0(DI)
	VMOVDQU64       Z1, 64(DI)
	VMOVDQU64       Z2, 128(DI)
	VMOVDQU64       Z3, 192(DI)
	ADDQ            $256, SI
	ADDQ            $256, DI
	SUBQ            $16, CX
	JMP             sixteen

// Up to four blocks of the rest at a time. K1 has two bits for each block left,
// of eight bytes each, and keeps loads and stores inside the buffers.
rest:
	TESTQ CX, CX
	JZ    vdone
	MOVQ  $-1, BX
	CMPQ  CX, $4
	JAE   four
	ADDQ  CX, CX
	MOVQ  $1, BX
	SHLQ  CX, BX
	DECQ  BX
	SHRQ  $1, CX

four:
	KMOVW           BX, K1
	VBROADCASTI32X4 (AX), Z4
	VMOVDQU64.Z     (SI), K1, Z0
	VPXORQ          Z4, Z0, Z0
	LEAQ            16(AX), R9
	MOVQ            R8, R10

fourRound:
	VBROADCASTI32X4 (R9), Z4
	VAESENC         Z4, Z0, Z0
	ADDQ            $16, R9
	DECQ            R10
	JNZ             fourRound

	VBROADCASTI32X4 (R9), Z4
	VAESENCLAST     Z4, Z0, Z0
	VMOVDQU64       Z0, K1, (DI)
	ADDQ            $64, SI
	ADDQ            $64, DI
	SUBQ            $4, CX
	JA              rest

vdone:
	VZEROUPPER
	RET

// func subWord(w uint32) uint32
//
// AESKEYGENASSIST puts SubWord of the second word into the first (Intel SDM).
TEXT ·subWord(SB), NOSPLIT, $0-12
	MOVL            w+0(FP), AX
	MOVQ            AX, X0
	PSHUFD          $0, X0, X0
	AESKEYGENASSIST $0, X0, X1
	MOVQ            X1, AX
	MOVL            AX, ret+8(FP)
	RET
