#pragma once

// The weight gradient of a 3x3 convolution in bfloat16, its sums in float32.

#include "checks.h"

namespace resnet_fused {

#if defined(__AVX512BF16__)

// Weight gradient of a 3x3 convolution, padding 1: dW[ky][kx][ci][co] = sum over output pixels of
// x[stride*oh + ky - 1][stride*ow + kx - 1][ci] * dy[oh][ow][co].
// The instruction multiplies pairs of bfloat16 along the summed axis, here two neighbouring output pixels of a row, so both
// operands are first packed into words of (even pixel, odd pixel); x once for each kx, because the pairs shift with it.
struct Geometry {
  int64_t images, height, width, in, out, stride, out_height, out_width;
  int64_t pairs() const { return out_width / 2; }
  // A packed row of x has one pair more: with stride 1 the pairs of kx = 2 are those of kx = 0 one further on.
  int64_t x_row() const { return (pairs() + 1) * in; }
};

inline __m512i pair_words(const at::BFloat16* even, const at::BFloat16* odd) {
  const __m512i e = even ? _mm512_cvtepu16_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(even)))
                         : _mm512_setzero_si512();
  const __m512i o = odd ? _mm512_cvtepu16_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(odd)))
                        : _mm512_setzero_si512();
  return _mm512_or_si512(e, _mm512_slli_epi32(o, 16));
}

// words is [row][pair][channel]; kx shifts the pairs, 1 being the centre.
inline void pack(const at::BFloat16* image, uint32_t* words, int64_t rows, int64_t width, int64_t channels, int64_t stride,
          int64_t pairs, int64_t kx) {
  for (int64_t r = 0; r < rows; ++r) {
    const at::BFloat16* row = image + r * width * channels;
    for (int64_t p = 0; p < pairs; ++p) {
      const int64_t even = 2 * p * stride + kx - 1, odd = even + stride;
      const at::BFloat16* e = even >= 0 && even < width ? row + even * channels : nullptr;
      const at::BFloat16* o = odd >= 0 && odd < width ? row + odd * channels : nullptr;
      for (int64_t c = 0; c < channels; c += kLanes, words += kLanes)
        _mm512_storeu_si512(words, pair_words(e ? e + c : nullptr, o ? o + c : nullptr));
    }
  }
}

inline __m512bh as_pairs(__m512i v) { return (__m512bh)v; }

// Adds to total[I][ci][co] the products of I input channels and J*16 output channels over a group of images.
template <int I, int J>
void multiply(const uint32_t* xs, const uint32_t* dys, float* total, const Geometry& g, int64_t group, int64_t ky) {
  __m512 acc[I][J];
  for (int i = 0; i < I; ++i)
    for (int j = 0; j < J; ++j) acc[i][j] = _mm512_loadu_ps(total + i * g.out + j * kLanes);
  const int64_t first = ky == 0 ? 1 : 0;
  const int64_t last = std::min(g.out_height, (g.height - ky) / g.stride + 1);
  for (int64_t n = 0; n < group; ++n)
    for (int64_t oh = first; oh < last; ++oh) {
      const uint32_t* x = xs + (n * g.height + oh * g.stride + ky - 1) * g.x_row();
      const uint32_t* d = dys + (n * g.out_height + oh) * g.pairs() * g.out;
      for (int64_t p = 0; p < g.pairs(); ++p, x += g.in, d += g.out) {
        __m512i dv[J];
        for (int j = 0; j < J; ++j) dv[j] = _mm512_loadu_si512(d + j * kLanes);
#pragma GCC unroll 16
        for (int i = 0; i < I; ++i) {
          const __m512i xv = _mm512_set1_epi32(static_cast<int>(x[i]));
#pragma GCC unroll 4
          for (int j = 0; j < J; ++j) acc[i][j] = _mm512_dpbf16_ps(acc[i][j], as_pairs(xv), as_pairs(dv[j]));
        }
      }
    }
  for (int i = 0; i < I; ++i)
    for (int j = 0; j < J; ++j) _mm512_storeu_ps(total + i * g.out + j * kLanes, acc[i][j]);
}

inline void weight_gradient(const at::BFloat16* x, const at::BFloat16* dy, float* total, const Geometry& g, int64_t from,
                     int64_t to) {
  // Small images go several at a time: sums stay in registers for at least 512 pixels.
  const int64_t group = std::max<int64_t>(1, 512 / (g.out_height * g.out_width));
  const int64_t x_words = g.height * g.x_row(), dy_words = g.out_height * g.pairs() * g.out;
  std::vector<uint32_t> xs(3 * group * x_words), dys(group * dy_words);
  for (int64_t n = from; n < to; n += group) {
    const int64_t count = std::min(group, to - n);
    for (int64_t k = 0; k < count; ++k) {
      const at::BFloat16* image = x + (n + k) * g.height * g.width * g.in;
      for (int64_t kx = 0; kx < (g.stride == 1 ? 2 : 3); ++kx)
        pack(image, xs.data() + (kx * group + k) * x_words, g.height, g.width, g.in, g.stride, g.pairs() + 1, kx);
      pack(dy + (n + k) * g.out_height * g.out_width * g.out, dys.data() + k * dy_words, g.out_height, g.out_width,
           g.out, 1, g.pairs(), 1);
    }
    for (int64_t ky = 0; ky < 3; ++ky)
      for (int64_t kx = 0; kx < 3; ++kx) {
        float* tap = total + (ky * 3 + kx) * g.in * g.out;
        const bool next = g.stride == 1 && kx == 2;
        const uint32_t* shifted = next ? xs.data() + g.in : xs.data() + kx * group * x_words;
        if (g.out % (2 * kLanes) == 0) {
          for (int64_t ci = 0; ci < g.in; ci += 8)
            for (int64_t co = 0; co < g.out; co += 2 * kLanes)
              multiply<8, 2>(shifted + ci, dys.data() + co, tap + ci * g.out + co, g, count, ky);
        } else {
          for (int64_t ci = 0; ci < g.in; ci += 16)
            for (int64_t co = 0; co < g.out; co += kLanes)
              multiply<16, 1>(shifted + ci, dys.data() + co, tap + ci * g.out + co, g, count, ky);
        }
      }
  }
}

#endif

inline bool has_weight_gradient() {
#if defined(__AVX512BF16__)
  return true;
#else
  return false;
#endif
}

inline Tensor conv3x3_weight_gradient(const Tensor& dy, const Tensor& x, int64_t stride) {
#if defined(__AVX512BF16__)
  check_input(x);
  check_input(dy);
  TORCH_CHECK(x.scalar_type() == at::kBFloat16 && dy.scalar_type() == at::kBFloat16, "x and dy must be bfloat16");
  TORCH_CHECK(stride == 1 || stride == 2, "stride must be 1 or 2");
  const Geometry g{x.size(0), x.size(2), x.size(3), x.size(1), dy.size(1), stride, dy.size(2), dy.size(3)};
  TORCH_CHECK(dy.size(0) == g.images && g.out_height == (g.height - 1) / stride + 1 &&
                  g.out_width == (g.width - 1) / stride + 1 && g.out_width % 2 == 0,
              "dy must be the output's gradient of a 3x3 convolution with padding 1, its width even");
  const int64_t size = 9 * g.in * g.out;
  // Few chunks, because each has its own sums; 8 keeps up to 8 cores busy.
  const int64_t chunks = std::min<int64_t>(8, g.images), share = (g.images + chunks - 1) / chunks;
  std::vector<float> totals(chunks * size, 0.0f);
  at::parallel_for(0, chunks, 1, [&](int64_t from, int64_t to) {
    for (int64_t k = from; k < to; ++k)
      weight_gradient(x.const_data_ptr<at::BFloat16>(), dy.const_data_ptr<at::BFloat16>(), totals.data() + k * size, g,
                      std::min(k * share, g.images), std::min((k + 1) * share, g.images));
  });
  for (int64_t k = 1; k < chunks; ++k)
    for (int64_t i = 0; i < size; ++i) totals[i] += totals[k * size + i];
  Tensor dw = at::empty({g.out, 3, 3, g.in}, x.options().dtype(at::kFloat));
  float* to = dw.mutable_data_ptr<float>();
  for (int64_t tap = 0; tap < 9; ++tap)
    for (int64_t ci = 0; ci < g.in; ++ci)
      for (int64_t co = 0; co < g.out; ++co) to[(co * 9 + tap) * g.in + ci] = totals[(tap * g.in + ci) * g.out + co];
  return dw.permute({0, 3, 1, 2});
#else
  TORCH_CHECK(false, "this build has no bfloat16 dot product");
#endif
}

}  // namespace resnet_fused
