// CPU kernels of resnet/fused.py: batch norm + addition + ReLU in one operation, and the weight gradient of a 3x3
// convolution in bfloat16. All tensors are channels-last, so a pixel's channels are contiguous: a tensor of N x C x H x W
// is read here as P = N*H*W rows of C values.
//
// Work is split into a number of chunks that depends on the shape alone, and partial sums are added in chunk order, so a
// result does not depend on how many threads ran it.

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <torch/library.h>

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

namespace {

using at::Tensor;

constexpr int kLanes = 16;
typedef float Floats __attribute__((vector_size(64), aligned(4), may_alias));
typedef uint32_t Words __attribute__((vector_size(64), aligned(4), may_alias));
typedef int32_t Mask __attribute__((vector_size(64), aligned(4), may_alias));
typedef uint16_t Halves __attribute__((vector_size(32), aligned(2), may_alias));

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

Split split_rows(int64_t rows) {
  const int64_t chunk = std::max<int64_t>(256, (rows + 63) / 64);
  return {rows, chunk, (rows + chunk - 1) / chunk};
}

// Calls f<B>(first channel) for blocks of B*16 channels that together cover all channels.
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

// Per-channel sums of a chunk are float over at most kRun pixels, then double: a float sum over 10^5 pixels loses digits.
constexpr int64_t kRun = 128;

template <int B, typename Body>
inline void accumulate(int64_t begin, int64_t end, double* first, double* second, Body&& body) {
  for (int64_t run = begin; run < end; run += kRun) {
    Floats a[B], b[B];
    for (int j = 0; j < B; ++j) a[j] = b[j] = zero();
    const int64_t stop = std::min(run + kRun, end);
    for (int64_t row = run; row < stop; ++row) body(row, a, b);
    for (int j = 0; j < B; ++j)
      for (int l = 0; l < kLanes; ++l) {
        first[j * kLanes + l] += a[j][l];
        second[j * kLanes + l] += b[j][l];
      }
  }
}

// Adds the chunks' partial sums in order: partial is [chunk][2][channel].
std::vector<double> add_chunks(const std::vector<double>& partial, int64_t chunks, int64_t channels) {
  std::vector<double> total(2 * channels, 0.0);
  for (int64_t k = 0; k < chunks; ++k)
    for (int64_t c = 0; c < 2 * channels; ++c) total[c] += partial[k * 2 * channels + c];
  return total;
}

template <typename T>
void moments(const T* x, Split split, int64_t channels, std::vector<double>& mean, std::vector<double>& variance) {
  std::vector<double> partial(split.count * 2 * channels, 0.0);
  at::parallel_for(0, split.count, 1, [&](int64_t from, int64_t to) {
    for (int64_t k = from; k < to; ++k) {
      const int64_t begin = k * split.chunk, end = std::min(begin + split.chunk, split.rows);
      double* sums = partial.data() + k * 2 * channels;
      for_channel_blocks(channels, [&](auto block, int64_t c) {
        constexpr int B = block();
        // Sums are taken about the first pixel's value: E[x^2] - E[x]^2 would cancel where the mean is large.
        Floats origin[B];
        for (int j = 0; j < B; ++j) origin[j] = load(x + c + j * kLanes);
        accumulate<B>(begin, end, sums + c, sums + channels + c, [&](int64_t row, Floats* a, Floats* b) {
          for (int j = 0; j < B; ++j) {
            const Floats v = load(x + row * channels + c + j * kLanes) - origin[j];
            a[j] += v;
            b[j] += v * v;
          }
        });
      });
    }
  });
  const std::vector<double> total = add_chunks(partial, split.count, channels);
  for (int64_t c = 0; c < channels; ++c) {
    const double shifted = total[c] / split.rows;
    mean[c] = static_cast<double>(static_cast<float>(x[c])) + shifted;
    // std::max would turn NaN into 0 and hide a diverged run.
    const double v = total[channels + c] / split.rows - shifted * shifted;
    variance[c] = v < 0 ? 0 : v;
  }
}

template <typename T>
void normalise(const T* x, const T* shortcut, T* y, const float* scale, const float* shift, Split split, int64_t channels,
               bool relu) {
  at::parallel_for(0, split.count, 1, [&](int64_t from, int64_t to) {
    const int64_t begin = from * split.chunk, end = std::min(to * split.chunk, split.rows);
    for_channel_blocks(channels, [&](auto block, int64_t c) {
      constexpr int B = block();
      Floats s[B], t[B];
      for (int j = 0; j < B; ++j) s[j] = load(scale + c + j * kLanes), t[j] = load(shift + c + j * kLanes);
      auto rows = [&](auto adds, auto cuts) {
        for (int64_t row = begin; row < end; ++row)
          for (int j = 0; j < B; ++j) {
            const int64_t at = row * channels + c + j * kLanes;
            Floats v = load(x + at) * s[j] + t[j];
            if constexpr (adds()) v += load(shortcut + at);
            if constexpr (cuts()) v = relu_of(v);
            store(y + at, v);
          }
      };
      const std::true_type yes;
      const std::false_type no;
      if (shortcut) {
        if (relu) rows(yes, yes); else rows(yes, no);
      } else {
        if (relu) rows(no, yes); else rows(no, no);
      }
    });
  });
}

template <typename T>
void backward(const T* dy, const T* x, const T* y, T* dx, T* dshortcut, const float* weight, const float* mean,
              const float* invstd, float* dweight, float* dbias, Split split, int64_t channels) {
  std::vector<double> partial(split.count * 2 * channels, 0.0);
  auto gradient = [&](int64_t at) {
    const Floats g = load(dy + at);
    return y ? where_positive(load(y + at), g) : g;
  };
  at::parallel_for(0, split.count, 1, [&](int64_t from, int64_t to) {
    for (int64_t k = from; k < to; ++k) {
      const int64_t begin = k * split.chunk, end = std::min(begin + split.chunk, split.rows);
      double* sums = partial.data() + k * 2 * channels;
      for_channel_blocks(channels, [&](auto block, int64_t c) {
        constexpr int B = block();
        Floats m[B];
        for (int j = 0; j < B; ++j) m[j] = load(mean + c + j * kLanes);
        accumulate<B>(begin, end, sums + c, sums + channels + c, [&](int64_t row, Floats* a, Floats* b) {
          for (int j = 0; j < B; ++j) {
            const int64_t at = row * channels + c + j * kLanes;
            const Floats g = gradient(at);
            a[j] += g;
            b[j] += g * (load(x + at) - m[j]);
          }
        });
      });
    }
  });
  const std::vector<double> total = add_chunks(partial, split.count, channels);
  // dx = w * invstd * (g - mean(g) - (x - mean) * invstd^2 * mean(g * (x - mean))) = g * s + x * t + u
  std::vector<float> s(channels), t(channels), u(channels);
  for (int64_t c = 0; c < channels; ++c) {
    const double i = invstd[c], w = weight[c];
    dbias[c] = static_cast<float>(total[c]);
    dweight[c] = static_cast<float>(total[channels + c] * i);
    const double slope = -w * i * i * i * total[channels + c] / split.rows;
    s[c] = static_cast<float>(w * i);
    t[c] = static_cast<float>(slope);
    u[c] = static_cast<float>(-w * i * total[c] / split.rows);
  }
  at::parallel_for(0, split.count, 1, [&](int64_t from, int64_t to) {
    const int64_t begin = from * split.chunk, end = std::min(to * split.chunk, split.rows);
    for_channel_blocks(channels, [&](auto block, int64_t c) {
      constexpr int B = block();
      Floats sv[B], tv[B], uv[B], mv[B];
      for (int j = 0; j < B; ++j) {
        sv[j] = load(s.data() + c + j * kLanes), tv[j] = load(t.data() + c + j * kLanes);
        uv[j] = load(u.data() + c + j * kLanes), mv[j] = load(mean + c + j * kLanes);
      }
      for (int64_t row = begin; row < end; ++row)
        for (int j = 0; j < B; ++j) {
          const int64_t at = row * channels + c + j * kLanes;
          const Floats g = gradient(at);
          store(dx + at, g * sv[j] + (load(x + at) - mv[j]) * tv[j] + uv[j]);
          if (dshortcut) store(dshortcut + at, g);
        }
    });
  });
}

void check(const Tensor& t, const Tensor& like, const char* name) {
  TORCH_CHECK(t.device().is_cpu() && t.scalar_type() == like.scalar_type() && t.sizes() == like.sizes() &&
                  t.is_contiguous(at::MemoryFormat::ChannelsLast),
              name, " must be a channels-last CPU tensor with x's shape and type");
}

void check_input(const Tensor& x) {
  TORCH_CHECK(x.dim() == 4 && x.size(1) % kLanes == 0 && x.numel() > 0, "x must be N x C x H x W, C a multiple of 16");
  TORCH_CHECK(x.scalar_type() == at::kFloat || x.scalar_type() == at::kBFloat16, "x must be float32 or bfloat16");
  check(x, x, "x");
}

void check_channels(const Tensor& t, const Tensor& x, const char* name) {
  TORCH_CHECK(t.device().is_cpu() && t.scalar_type() == at::kFloat && t.is_contiguous() && t.numel() == x.size(1), name,
              " must be a contiguous float32 CPU tensor with one value a channel");
}

template <typename F>
void dispatch(const Tensor& x, F&& f) {
  if (x.scalar_type() == at::kFloat) {
    f(float());
  } else {
    f(at::BFloat16());
  }
}

std::tuple<Tensor, Tensor, Tensor> batch_norm_forward(const Tensor& x, const Tensor& weight, const Tensor& bias,
                                                      const std::optional<Tensor>& shortcut,
                                                      const std::optional<Tensor>& running_mean,
                                                      const std::optional<Tensor>& running_var, double momentum,
                                                      double eps, bool relu) {
  check_input(x);
  check_channels(weight, x, "weight");
  check_channels(bias, x, "bias");
  if (shortcut) check(*shortcut, x, "shortcut");
  if (running_mean) check_channels(*running_mean, x, "running_mean");
  if (running_var) check_channels(*running_var, x, "running_var");
  const int64_t channels = x.size(1), rows = x.numel() / channels;
  const Split split = split_rows(rows);
  Tensor y = at::empty_like(x, at::MemoryFormat::ChannelsLast);
  Tensor mean = at::empty({channels}, weight.options()), invstd = at::empty({channels}, weight.options());
  std::vector<float> scale(channels), shift(channels);
  dispatch(x, [&](auto type) {
    using T = decltype(type);
    std::vector<double> m(channels), v(channels);
    moments(x.const_data_ptr<T>(), split, channels, m, v);
    const float *w = weight.const_data_ptr<float>(), *b = bias.const_data_ptr<float>();
    for (int64_t c = 0; c < channels; ++c) {
      const double i = 1 / std::sqrt(v[c] + eps);
      mean.mutable_data_ptr<float>()[c] = static_cast<float>(m[c]);
      invstd.mutable_data_ptr<float>()[c] = static_cast<float>(i);
      scale[c] = static_cast<float>(w[c] * i);
      shift[c] = static_cast<float>(b[c] - m[c] * w[c] * i);
      if (running_mean) {
        float& r = running_mean->mutable_data_ptr<float>()[c];
        r = static_cast<float>((1 - momentum) * r + momentum * m[c]);
      }
      if (running_var) {
        float& r = running_var->mutable_data_ptr<float>()[c];
        r = static_cast<float>((1 - momentum) * r + momentum * v[c] * rows / (rows - 1));
      }
    }
    normalise(x.const_data_ptr<T>(), shortcut ? shortcut->const_data_ptr<T>() : nullptr, y.mutable_data_ptr<T>(),
              scale.data(), shift.data(), split, channels, relu);
  });
  return {y, mean, invstd};
}

Tensor scale_shift(const Tensor& x, const Tensor& scale, const Tensor& shift, const std::optional<Tensor>& shortcut,
                   bool relu) {
  check_input(x);
  check_channels(scale, x, "scale");
  check_channels(shift, x, "shift");
  if (shortcut) check(*shortcut, x, "shortcut");
  Tensor y = at::empty_like(x, at::MemoryFormat::ChannelsLast);
  dispatch(x, [&](auto type) {
    using T = decltype(type);
    normalise(x.const_data_ptr<T>(), shortcut ? shortcut->const_data_ptr<T>() : nullptr, y.mutable_data_ptr<T>(),
              scale.const_data_ptr<float>(), shift.const_data_ptr<float>(), split_rows(x.numel() / x.size(1)), x.size(1),
              relu);
  });
  return y;
}

// Without y there is no ReLU. The gradient of the shortcut is written only where asked for.
std::tuple<Tensor, Tensor, Tensor, Tensor> batch_norm_backward(const Tensor& dy, const Tensor& x,
                                                               const std::optional<Tensor>& y, const Tensor& weight,
                                                               const Tensor& mean, const Tensor& invstd,
                                                               bool with_shortcut) {
  check_input(x);
  check(dy, x, "dy");
  if (y) check(*y, x, "y");
  check_channels(weight, x, "weight");
  check_channels(mean, x, "mean");
  check_channels(invstd, x, "invstd");
  Tensor dx = at::empty_like(x, at::MemoryFormat::ChannelsLast);
  Tensor dshortcut = with_shortcut ? at::empty_like(x, at::MemoryFormat::ChannelsLast) : at::empty({0}, x.options());
  Tensor dweight = at::empty_like(weight), dbias = at::empty_like(weight);
  dispatch(x, [&](auto type) {
    using T = decltype(type);
    backward(dy.const_data_ptr<T>(), x.const_data_ptr<T>(), y ? y->const_data_ptr<T>() : nullptr,
             dx.mutable_data_ptr<T>(), with_shortcut ? dshortcut.mutable_data_ptr<T>() : nullptr,
             weight.const_data_ptr<float>(), mean.const_data_ptr<float>(), invstd.const_data_ptr<float>(),
             dweight.mutable_data_ptr<float>(), dbias.mutable_data_ptr<float>(), split_rows(x.numel() / x.size(1)),
             x.size(1));
  });
  return {dx, dweight, dbias, dshortcut};
}

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
void pack(const at::BFloat16* image, uint32_t* words, int64_t rows, int64_t width, int64_t channels, int64_t stride,
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

void weight_gradient(const at::BFloat16* x, const at::BFloat16* dy, float* total, const Geometry& g, int64_t from,
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

bool has_weight_gradient() {
#if defined(__AVX512BF16__)
  return true;
#else
  return false;
#endif
}

Tensor conv3x3_weight_gradient(const Tensor& dy, const Tensor& x, int64_t stride) {
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

}  // namespace

TORCH_LIBRARY(resnet_fused, m) {
  m.def(
      "batch_norm_forward(Tensor x, Tensor weight, Tensor bias, Tensor? shortcut, Tensor(a!)? running_mean, "
      "Tensor(b!)? running_var, float momentum, float eps, bool relu) -> (Tensor, Tensor, Tensor)",
      &batch_norm_forward);
  m.def("scale_shift(Tensor x, Tensor scale, Tensor shift, Tensor? shortcut, bool relu) -> Tensor", &scale_shift);
  m.def(
      "batch_norm_backward(Tensor dy, Tensor x, Tensor? y, Tensor weight, Tensor mean, Tensor invstd, "
      "bool with_shortcut) -> (Tensor, Tensor, Tensor, Tensor)",
      &batch_norm_backward);
  m.def("has_weight_gradient() -> bool", &has_weight_gradient);
  m.def("conv3x3_weight_gradient(Tensor dy, Tensor x, int stride) -> Tensor", &conv3x3_weight_gradient);
}
