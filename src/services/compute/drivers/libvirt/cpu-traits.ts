/** Placement's word (after `HW_CPU_X86_`) for each feature of a processor as libvirt calls it. */
const traitOf: Readonly<Record<string, string>> = {
  '3dnow': '3DNOW', abm: 'ABM', aes: 'AESNI', avx: 'AVX', avx2: 'AVX2', avx512bitalg: 'AVX512BITALG', avx512bw: 'AVX512BW', avx512cd: 'AVX512CD',
  avx512dq: 'AVX512DQ', avx512er: 'AVX512ER', avx512f: 'AVX512F', avx512ifma: 'AVX512IFMA', avx512pf: 'AVX512PF', 'avx512-vpopcntdq': 'AVX512VPOPCNTDQ',
  avx512vbmi: 'AVX512VBMI', avx512vbmi2: 'AVX512VBMI2', avx512vl: 'AVX512VL', avx512vnni: 'AVX512VNNI', bmi1: 'BMI', bmi2: 'BMI2', f16c: 'F16C',
  fma: 'FMA3', fma4: 'FMA4', gfni: 'AVX512GFNI', 'md-clear': 'INTEL_MD_CLEAR', mmx: 'MMX', mpx: 'MPX', pclmuldq: 'CLMUL', pclmulqdq: 'CLMUL', pcid: 'INTEL_PCID',
  pdpe1gb: 'PDPE1GB', pni: 'SSE3', rtm: 'TSX', hle: 'TSX', 'sha-ni': 'SHA', 'spec-ctrl': 'INTEL_SPEC_CTRL', sse: 'SSE', sse2: 'SSE2', 'sse4.1': 'SSE41',
  'sse4.2': 'SSE42', sse4a: 'SSE4A', ssse3: 'SSSE3', stibp: 'STIBP', svm: 'AMD_SVM', tbm: 'TBM', vaes: 'AVX512VAES', vmx: 'INTEL_VMX',
  vpclmulqdq: 'AVX512VPCLMULQDQ', xop: 'XOP',
}; // prettier-ignore

/** Traits of a processor with these features. Nova's older names for virtualisation are given too. */
export function cpuTraits(features: Iterable<string>): readonly string[] {
  const names = [...features].flatMap((feature) => (Object.hasOwn(traitOf, feature) ? [traitOf[feature]!] : []));
  const older = names.flatMap((name) => (name === 'AMD_SVM' ? ['SVM'] : name === 'INTEL_VMX' ? ['VMX'] : []));
  return [...new Set([...names, ...older])].toSorted().map((name) => `HW_CPU_X86_${name}`);
}
