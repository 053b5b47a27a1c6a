#pragma once

// What all kernels share: vectors of the processor's own width, the split of the work, working memory.
//
// All tensors are channels-last, so a pixel's channels are contiguous: a tensor of N x C x H x W is read as P = N*H*W rows
// of C values. Work is split into a number of chunks that depends on the shape alone, and partial sums are added in chunk
// order, so a result does not depend on how many threads ran it.

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <optional>
#include <tuple>
#include <vector>

#if defined(__AVX512F__)
#include <immintrin.h>
#endif

namespace resnet_fused {

using at::Tensor;

constexpr int kBlock = 16;  // channels come in blocks of 16, one or two vectors
// The processor's own width: GCC sends wider vectors' comparisons through memory, at half the speed.
#if defined(__AVX512F__)
constexpr int kLanes = 16;
#else
constexpr int kLanes = 8;
#endif
typedef float Floats __attribute__((vector_size(4 * kLanes), aligned(4), may_alias));
typedef uint32_t Words __attribute__((vector_size(4 * kLanes), aligned(4), may_alias));
typedef int32_t Mask __attribute__((vector_size(4 * kLanes), aligned(4), may_alias));
typedef uint16_t Halves __attribute__((vector_size(2 * kLanes), aligned(2), may_alias));

inline Floats load(const float* p) { return *reinterpret_cast<const Floats*>(p); }

inline Floats load(const at::BFloat16* p) {
  const Words w = __builtin_convertvector(*reinterpret_cast<const Halves*>(p), Words) << 16;
  return reinterpret_cast<const Floats&>(w);
}

inline void store(float* p, Floats v) { *reinterpret_cast<Floats*>(p) = v; }

inline void store(at::BFloat16* p, Floats v) {
#if defined(__AVX512BF16__)
  const __m256bh h = _mm512_cvtneps_pbh((__m512)v);
  std::memcpy(static_cast<void*>(p), &h, sizeof(h));
#else
  // Round to nearest even; a NaN stays a NaN, so that a diverged run is seen as one.
  const Words w = reinterpret_cast<const Words&>(v);
  const Words rounded = (w + 0x7fffu + ((w >> 16) & 1u)) >> 16;
  const Mask number = v == v;
  const Words result = number ? rounded : (rounded & 0u) | 0x7fc0u;
  *reinterpret_cast<Halves*>(p) = __builtin_convertvector(result, Halves);
#endif
}

inline Floats zero() { return Floats{}; }
// The comparison is written so that NaN passes through, as in torch.relu.
inline Floats relu_of(Floats v) { return v < zero() ? zero() : v; }
inline Floats where_positive(Floats y, Floats v) { return y > zero() ? v : zero(); }

struct Split {
  int64_t rows;   // pixels in all
  int64_t chunk;  // pixels a chunk
  int64_t count;  // chunks
};

inline Split split_rows(int64_t rows) {
  const int64_t chunk = std::max<int64_t>(256, (rows + 63) / 64);
  return {rows, chunk, (rows + chunk - 1) / chunk};
}

// Calls f<B>(first channel) for blocks of B vectors of channels that together cover all channels.
template <typename F>
void for_channel_blocks(int64_t channels, F&& f) {
  int64_t c = 0;
  while (c < channels) {
    const int64_t left = (channels - c) / kLanes;
    if (left >= 4) {
      f(std::integral_constant<int, 4>(), c);
      c += 4 * kLanes;
    } else if (left >= 2) {
      f(std::integral_constant<int, 2>(), c);
      c += 2 * kLanes;
    } else {
      f(std::integral_constant<int, 1>(), c);
      c += kLanes;
    }
  }
}

// A thread's working memory, kept between calls: fresh memory would cost page faults each time. It begins at a cache line:
// vectors that lie across two lines take twice the time.
inline float* scratch(int64_t floats) {
  constexpr int64_t line = 64 / sizeof(float);
  static thread_local std::vector<float> memory;
  if (static_cast<int64_t>(memory.size()) < floats + line) memory.resize(floats + line);
  const int64_t past = reinterpret_cast<uintptr_t>(memory.data()) / sizeof(float) % line;
  return memory.data() + (line - past) % line;
}

}  // namespace resnet_fused
