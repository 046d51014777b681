// The table of ceilings, and their assembly. Accumulators 0 to 11 in two rounds per turn hide every latency.
#include "experiments/bench/ceiling.hpp"

#include <omp.h>

#include <algorithm>
#include <cstring>
#include <vector>

#include "formats/cpu_features.hpp"
#include "formats/error.hpp"

namespace precsim::bench {
namespace {

constexpr std::int64_t turns_per_call = 120000;
constexpr std::int64_t share_multiple = 1024;
/// Floats in half a page: large arrays begin at equal places of pages, where loads and stores get in each other's way.
constexpr std::size_t stagger = 512;

#if defined(__x86_64__)

/// `body` twice for each i of 0 to 11; operands in registers 14 and 15, all registers zero before.
#define PRECSIM_REGISTER_LOOP(function, features, clear, body, finish)                                            \
  [[gnu::target(features)]] void function(std::int64_t turns) {                                                   \
    asm volatile(".irp i,0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15\n" clear                                           \
                 "\n.endr\n"                                                                                      \
                 ".p2align 6\n"                                                                                   \
                 "1:\n"                                                                                           \
                 ".irp i,0,1,2,3,4,5,6,7,8,9,10,11,0,1,2,3,4,5,6,7,8,9,10,11\n" body                              \
                 "\n.endr\n"                                                                                      \
                 "dec %0\n"                                                                                       \
                 "jnz 1b\n" finish                                                                                \
                 : "+r"(turns)                                                                                    \
                 :                                                                                                \
                 : "cc", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", \
                   "xmm11", "xmm12", "xmm13", "xmm14", "xmm15");                                                  \
  }

PRECSIM_REGISTER_LOOP(dot_zmm, "avx512f,avx512vnni", "vpxord %%zmm\\i, %%zmm\\i, %%zmm\\i",
                      "vpdpwssd %%zmm14, %%zmm15, %%zmm\\i", "vzeroupper")
PRECSIM_REGISTER_LOOP(dot_ymm, "avx2,avxvnni", "vpxor %%ymm\\i, %%ymm\\i, %%ymm\\i",
                      "%{vex%} vpdpwssd %%ymm14, %%ymm15, %%ymm\\i", "vzeroupper")
PRECSIM_REGISTER_LOOP(madd_zmm, "avx512f,avx512bw", "vpxord %%zmm\\i, %%zmm\\i, %%zmm\\i",
                      "vpmaddwd %%zmm14, %%zmm15, %%zmm12\nvpaddd %%zmm12, %%zmm\\i, %%zmm\\i", "vzeroupper")
PRECSIM_REGISTER_LOOP(madd_ymm, "avx2", "vpxor %%ymm\\i, %%ymm\\i, %%ymm\\i",
                      "vpmaddwd %%ymm14, %%ymm15, %%ymm12\nvpaddd %%ymm12, %%ymm\\i, %%ymm\\i", "vzeroupper")
PRECSIM_REGISTER_LOOP(madd_xmm, "sse2", "pxor %%xmm\\i, %%xmm\\i",
                      "movdqa %%xmm14, %%xmm12\npmaddwd %%xmm15, %%xmm12\npaddd %%xmm12, %%xmm\\i", "")
PRECSIM_REGISTER_LOOP(fma_zmm, "avx512f", "vpxord %%zmm\\i, %%zmm\\i, %%zmm\\i",
                      "vfmadd231ps %%zmm14, %%zmm15, %%zmm\\i", "vzeroupper")
PRECSIM_REGISTER_LOOP(fma_ymm, "avx2,fma", "vpxor %%ymm\\i, %%ymm\\i, %%ymm\\i",
                      "vfmadd231ps %%ymm14, %%ymm15, %%ymm\\i", "vzeroupper")
PRECSIM_REGISTER_LOOP(bf16_zmm, "avx512f,avx512bf16", "vpxord %%zmm\\i, %%zmm\\i, %%zmm\\i",
                      "vdpbf16ps %%zmm14, %%zmm15, %%zmm\\i", "vzeroupper")
#undef PRECSIM_REGISTER_LOOP

constexpr RegisterLoop fma_512{"vfmadd231ps zmm", 24 * 16, fma_zmm};
constexpr RegisterLoop fma_256{"vfmadd231ps ymm", 24 * 8, fma_ymm};

#endif

constexpr KernelCeilings table[] = {
#if defined(__x86_64__)
    {"avx512_vnni", {"vpdpwssd zmm", 24 * 32, dot_zmm}, fma_512},
    {"avx512", {"vpmaddwd + vpaddd zmm", 24 * 32, madd_zmm}, fma_512},
    {"avx_vnni", {"vpdpwssd ymm", 24 * 16, dot_ymm}, fma_256},
    {"avx2", {"vpmaddwd + vpaddd ymm", 24 * 16, madd_ymm}, fma_256},
    {"portable", {"pmaddwd + paddd xmm", 24 * 8, madd_xmm}, {}},
#else
    {"portable", {}, {}},
#endif
};

}  // namespace

std::span<const KernelCeilings> kernel_ceilings() {
  return table;
}

const KernelCeilings& ceilings_of(const kernels::TileKernel& kernel) {
  const auto row = std::find_if(std::begin(table), std::end(table),
                                [&](const KernelCeilings& candidate) { return candidate.kernel == kernel.name; });
  PRECSIM_CHECK(row != std::end(table), std::string(kernel.name));
  return *row;
}

RegisterLoop bf16_loop() {
#if defined(__x86_64__)
  if (formats::cpu_features().avx512_bf16) {
    return {"vdpbf16ps zmm", 24 * 32, bf16_zmm};
  }
#endif
  return {};
}

std::shared_ptr<const Work> register_ceiling(const RegisterLoop& loop) {
  if (loop.run == nullptr) {
    return nullptr;
  }
  return std::make_shared<Work>(Work{std::string(loop.instruction), loop.work * turns_per_call, [run = loop.run] {
#pragma omp parallel
                                       run(turns_per_call / omp_get_num_threads());
                                     }});
}

std::shared_ptr<const Work> copy_ceiling(std::shared_ptr<const void> owner, std::span<const float> from) {
  const auto to = std::make_shared<std::vector<float>>(from.size() + stagger);
  return std::make_shared<Work>(
      Work{"plain copy", static_cast<double>(from.size()), [owner = std::move(owner), from, to] {
#pragma omp parallel
             {
               const Share share = own_share(static_cast<std::int64_t>(from.size()));
               std::memcpy(to->data() + stagger + share.begin, from.data() + share.begin,
                           static_cast<std::size_t>(share.end - share.begin) * sizeof(float));
             }
           }});
}

Share own_share(std::int64_t count) {
  const std::int64_t threads = omp_get_num_threads();
  const std::int64_t pieces = (count + share_multiple - 1) / share_multiple;
  const auto cut = [&](std::int64_t thread) { return std::min(count, pieces * thread / threads * share_multiple); };
  return {cut(omp_get_thread_num()), cut(omp_get_thread_num() + 1)};
}

}  // namespace precsim::bench
