// CPU kernels of resnet/fused.py: batch norm + addition + ReLU in one operation, the weight gradient of a 3x3 convolution
// in bfloat16, and Winograd's convolution in float32. All tensors are channels-last, so a pixel's channels are contiguous:
// a tensor of N x C x H x W is read here as P = N*H*W rows of C values.
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

Split split_rows(int64_t rows) {
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
  TORCH_CHECK(x.dim() == 4 && x.size(1) % kBlock == 0 && x.numel() > 0, "x must be N x C x H x W, C a multiple of 16");
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

// Winograd convolution F(4x4, 3x3), float32: 36 products for 16 outputs instead of 144 (Lavin and Gray, CVPR 2016).
// With 1-D transforms applied to the rows and to the columns of a tile,
//   y = At [ (G w) * (Bt x) ],  w 3x3, x 6x6, y 4x4, * elementwise and summed over input channels,
// and, as its adjoint, the weight gradient of a tile is Gt [ (Bt x) * (A dy) ].
// The points of interpolation are 0, a, -a, b, -b and infinity. The usual 1 and 2 have twice the rounding error of
// a = 3/4, b = 3/2, whose powers below are exact in float32 as well.
constexpr float kA = 0.75f, kB = 1.5f, kA2 = kA * kA, kB2 = kB * kB;
constexpr int kTile = 4, kPoints = 6, kPositions = kPoints * kPoints;

struct Bt {
  static constexpr int from = 6, to = 6;
  static void apply(const Floats* x, Floats* v) {
    const Floats even_a = x[4] - kB2 * x[2], odd_a = x[3] - kB2 * x[1];
    const Floats even_b = x[4] - kA2 * x[2], odd_b = x[3] - kA2 * x[1];
    v[0] = x[4] + (kA2 * kB2 * x[0] - (kA2 + kB2) * x[2]);
    v[1] = even_a + kA * odd_a;
    v[2] = even_a - kA * odd_a;
    v[3] = even_b + kB * odd_b;
    v[4] = even_b - kB * odd_b;
    v[5] = x[5] + (kA2 * kB2 * x[1] - (kA2 + kB2) * x[3]);
  }
};

struct At {
  static constexpr int from = 6, to = 4;
  static void apply(const Floats* m, Floats* y) {
    const Floats sum_a = m[1] + m[2], difference_a = m[1] - m[2];
    const Floats sum_b = m[3] + m[4], difference_b = m[3] - m[4];
    y[0] = m[0] + (sum_a + sum_b);
    y[1] = kA * difference_a + kB * difference_b;
    y[2] = kA2 * sum_a + kB2 * sum_b;
    y[3] = m[5] + (kA2 * kA * difference_a + kB2 * kB * difference_b);
  }
};

struct A {
  static constexpr int from = 4, to = 6;
  static void apply(const Floats* y, Floats* m) {
    const Floats even_a = y[0] + kA2 * y[2], odd_a = y[1] + kA2 * y[3];
    const Floats even_b = y[0] + kB2 * y[2], odd_b = y[1] + kB2 * y[3];
    m[0] = y[0];
    m[1] = even_a + kA * odd_a;
    m[2] = even_a - kA * odd_a;
    m[3] = even_b + kB * odd_b;
    m[4] = even_b - kB * odd_b;
    m[5] = y[3];
  }
};

// The denominators of Lagrange's interpolation: products of the differences between a point and the others.
constexpr float kG0 = 1 / (kA2 * kB2), kGa = 1 / (2 * kA2 * (kA2 - kB2)), kGb = 1 / (2 * kB2 * (kB2 - kA2));

struct G {
  static constexpr int from = 3, to = 6;
  static void apply(const Floats* w, Floats* u) {
    const Floats even_a = kGa * (w[0] + kA2 * w[2]), odd_a = kGa * kA * w[1];
    const Floats even_b = kGb * (w[0] + kB2 * w[2]), odd_b = kGb * kB * w[1];
    u[0] = kG0 * w[0];
    u[1] = even_a + odd_a;
    u[2] = even_a - odd_a;
    u[3] = even_b + odd_b;
    u[4] = even_b - odd_b;
    u[5] = w[2];
  }
};

struct Gt {
  static constexpr int from = 6, to = 3;
  static void apply(const Floats* u, Floats* w) {
    const Floats sum_a = kGa * (u[1] + u[2]), sum_b = kGb * (u[3] + u[4]);
    w[0] = kG0 * u[0] + (sum_a + sum_b);
    w[1] = kGa * kA * (u[1] - u[2]) + kGb * kB * (u[3] - u[4]);
    w[2] = u[5] + (kA2 * sum_a + kB2 * sum_b);
  }
};

// Applies a 1-D transform to `count` neighbouring columns of numbers; a pointer for each row read and each row written.
template <typename Transform>
inline void transform(const float* const* from, float* const* to, int64_t count) {
  for (int64_t i = 0; i < count; i += kLanes) {
    Floats in[Transform::from], out[Transform::to];
#pragma GCC unroll 6
    for (int k = 0; k < Transform::from; ++k) in[k] = load(from[k] + i);
    Transform::apply(in, out);
#pragma GCC unroll 6
    for (int k = 0; k < Transform::to; ++k) store(to[k] + i, out[k]);
  }
}

// The same with rows at equal distances.
template <typename Transform>
inline void transform(const float* from, int64_t from_row, float* to, int64_t to_row, int64_t count) {
  const float* in[Transform::from];
  float* out[Transform::to];
#pragma GCC unroll 6
  for (int k = 0; k < Transform::from; ++k) in[k] = from + k * from_row;
#pragma GCC unroll 6
  for (int k = 0; k < Transform::to; ++k) out[k] = to + k * to_row;
  transform<Transform>(in, out, count);
}

// Images of N x height x width in tiles of 4 x 4 pixels; the last ones may hang over. A row of tiles is the unit of work:
// rows of tiles are numbered through all images.
struct Tiling {
  int64_t images, height, width, tall, wide;
  Tiling(const Tensor& x)
      : images(x.size(0)), height(x.size(2)), width(x.size(3)), tall((height + kTile - 1) / kTile),
        wide((width + kTile - 1) / kTile) {}
  int64_t rows() const { return images * tall; }
  int64_t strip(int64_t channels) const { return (wide * kTile + 2) * channels; }
};

// Distance between the positions' matrices. The odd cache line keeps 36 streams out of each other's cache sets.
inline int64_t position_stride(int64_t tiles, int64_t channels) { return tiles * channels + kBlock; }

// Transforms the pixels of one row of tiles, from `top` pixels above it, into v[position][tile][channel].
// strip is Transform::to rows of pixels with one more at the left; its pixels outside the image must be zero.
template <typename Transform>
void transform_tiles(const float* x, const Tiling& t, int64_t channels, int64_t row, float* strip, const float* zeros,
                     float* v, int64_t stride) {
  constexpr int border = (Transform::from - kTile) / 2;
  const int64_t n = row / t.tall, first = row % t.tall * kTile - border, strip_row = t.strip(channels);
  const float* from[Transform::from];
  float* to[kPoints];
  for (int k = 0; k < Transform::from; ++k) {
    const int64_t y = first + k;
    from[k] = y >= 0 && y < t.height ? x + (n * t.height + y) * t.width * channels : zeros;
  }
  for (int k = 0; k < kPoints; ++k) to[k] = strip + k * strip_row + channels;
  transform<Transform>(from, to, t.width * channels);
  for (int k = 0; k < kPoints; ++k)
    for (int64_t tile = 0; tile < t.wide; ++tile)
      transform<Transform>(strip + k * strip_row + (tile * kTile + 1 - border) * channels, channels,
                           v + k * kPoints * stride + tile * channels, stride, channels);
}

// The way back: from m[position][tile][channel] to the pixels of one row of tiles.
void untransform_tiles(const float* m, int64_t stride, const Tiling& t, int64_t channels, int64_t row, float* strip,
                       float* nowhere, float* y) {
  const int64_t n = row / t.tall, first = row % t.tall * kTile, strip_row = t.strip(channels);
  for (int k = 0; k < kPoints; ++k)
    for (int64_t tile = 0; tile < t.wide; ++tile)
      transform<At>(m + k * kPoints * stride + tile * channels, stride, strip + k * strip_row + tile * kTile * channels,
                    channels, channels);
  const float* from[kPoints];
  float* to[kTile];
  for (int k = 0; k < kPoints; ++k) from[k] = strip + k * strip_row;
  for (int k = 0; k < kTile; ++k)
    to[k] = first + k < t.height ? y + (n * t.height + first + k) * t.width * channels : nowhere;
  transform<At>(from, to, t.width * channels);
}

// c[R][J vectors] = (or, with Add, +=) sum over k < depth of a[r][k] * b[k]; a's element is at r * a_row + k * a_step.
template <int R, int J, bool Add>
inline void multiply_block(const float* a, int64_t a_row, int64_t a_step, const float* b, int64_t b_row, float* c,
                           int64_t c_row, int64_t depth) {
  Floats sum[R][J];
#pragma GCC unroll 16
  for (int r = 0; r < R; ++r)
#pragma GCC unroll 4
    for (int j = 0; j < J; ++j) sum[r][j] = Add ? load(c + r * c_row + j * kLanes) : Floats{};
  for (int64_t k = 0; k < depth; ++k, a += a_step, b += b_row) {
    Floats bv[J];
#pragma GCC unroll 4
    for (int j = 0; j < J; ++j) bv[j] = load(b + j * kLanes);
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r)
#pragma GCC unroll 4
      for (int j = 0; j < J; ++j) sum[r][j] += a[r * a_row] * bv[j];
  }
#pragma GCC unroll 16
  for (int r = 0; r < R; ++r)
#pragma GCC unroll 4
    for (int j = 0; j < J; ++j) store(c + r * c_row + j * kLanes, sum[r][j]);
}

template <int R, bool Add>
void multiply_matrices(const float* a, int64_t a_row, int64_t a_step, const float* b, int64_t b_row, int64_t b_block,
                       float* c, int64_t rows, int64_t columns, int64_t depth) {
  constexpr int J = kBlock / kLanes;
  for (int64_t j = 0; j < columns; j += kBlock)
    for (int64_t r = 0; r < rows; r += R)
      multiply_block<R, J, Add>(a + r * a_row, a_row, a_step, b + j / kBlock * b_block, b_row, c + r * columns + j, columns,
                                depth);
}

// A thread's working memory, kept between calls: fresh memory would cost page faults each time.
float* scratch(int64_t floats) {
  static thread_local std::vector<float> memory;
  if (static_cast<int64_t>(memory.size()) < floats) memory.resize(floats);
  return memory.data();
}

// As many fill about a megabyte (v and m) with 64 channels; fewer would read the weights, another half, too often.
constexpr int64_t kTilesAtOnce = 48;
constexpr int kRows = kLanes == 16 ? 12 : 6;  // tiles in registers at a time: 12 of the 16 or 32 vector registers
// The same of the weight gradient, whose rows are input channels, a multiple of 16.
constexpr int kInputs = kLanes == 16 ? 16 : 4;

// u[position][block of 16 outputs][in][16] of weight (out x in x 3 x 3, or transposed): a block is read from end to end by
// the product. The weight is read in place, because threads that wait for one another more often lose time on busy cores.
void transform_weights(const Tensor& weight, bool transposed, float* u) {
  const int64_t in = weight.size(transposed ? 0 : 1), out = weight.size(transposed ? 1 : 0), size = in * out;
  const int64_t in_step = weight.stride(transposed ? 0 : 1), out_step = weight.stride(transposed ? 1 : 0);
  const int64_t ky_step = weight.stride(2), kx_step = weight.stride(3);
  const float* w = weight.const_data_ptr<float>();
  at::parallel_for(0, in, 16, [&](int64_t from, int64_t to) {
    for (int64_t i = from; i < to; ++i)
      for (int64_t o = 0; o < out; o += kBlock) {
        float taps[3 * 3 * kBlock], half[kPoints * 3 * kBlock];
        for (int tap = 0; tap < 9; ++tap) {
          const int ky = tap / 3, kx = tap % 3;
          const float* at = w + i * in_step + (transposed ? 2 - ky : ky) * ky_step + (transposed ? 2 - kx : kx) * kx_step;
          for (int l = 0; l < kBlock; ++l) taps[tap * kBlock + l] = at[(o + l) * out_step];
        }
        transform<G>(taps, 3 * kBlock, half, 3 * kBlock, 3 * kBlock);
        for (int k = 0; k < kPoints; ++k)
          transform<G>(half + k * 3 * kBlock, kBlock, u + k * kPoints * size + o * in + i * kBlock, size, kBlock);
      }
  });
}

void check_float(const Tensor& x, const char* name) {
  TORCH_CHECK(x.device().is_cpu() && x.dim() == 4 && x.scalar_type() == at::kFloat && x.size(1) % kBlock == 0 &&
                  x.numel() > 0 && x.is_contiguous(at::MemoryFormat::ChannelsLast),
              name, " must be a channels-last float32 CPU tensor, its channels a multiple of 16");
}

// The convolution of x with weight (out x in x 3 x 3), stride 1, padding 1; `transposed`: its data gradient, that is the
// convolution with the weight's taps reversed and its channels exchanged.
Tensor winograd(const Tensor& x, const Tensor& weight, bool transposed) {
  check_float(x, "x");
  TORCH_CHECK(weight.device().is_cpu() && weight.dim() == 4 && weight.scalar_type() == at::kFloat &&
                  weight.size(2) == 3 && weight.size(3) == 3 && weight.size(transposed ? 0 : 1) == x.size(1) &&
                  weight.size(transposed ? 1 : 0) % kBlock == 0,
              "weight must be out x in x 3 x 3 in float32, in fitting x, out a multiple of 16");
  const int64_t in = x.size(1), out = weight.size(transposed ? 1 : 0);
  Tensor u = at::empty({kPositions, in, out}, x.options());
  transform_weights(weight, transposed, u.mutable_data_ptr<float>());
  Tensor y = at::empty({x.size(0), out, x.size(2), x.size(3)}, x.options(), at::MemoryFormat::ChannelsLast);
  const Tiling t(x);
  const int64_t group = std::max<int64_t>(1, kTilesAtOnce / t.wide), units = (t.rows() + group - 1) / group;
  const int64_t tiles = (group * t.wide + kRows - 1) / kRows * kRows;
  const int64_t v_stride = position_stride(tiles, in), m_stride = position_stride(tiles, out);
  const int64_t in_strip = kPoints * t.strip(in), out_strip = kPoints * t.strip(out);
  const int64_t zero_row = t.width * in, no_row = t.width * out;
  const float *source = x.const_data_ptr<float>(), *weights = u.const_data_ptr<float>();
  float* target = y.mutable_data_ptr<float>();
  at::parallel_for(0, units, 1, [&](int64_t from, int64_t to) {
    float* zeros = scratch(zero_row + in_strip + out_strip + no_row + kPositions * (v_stride + m_stride));
    float* strip = zeros + zero_row;
    std::fill(zeros, strip + in_strip, 0.0f);
    float* back = strip + in_strip;
    float* nowhere = back + out_strip;
    float* v = nowhere + no_row;
    float* m = v + kPositions * v_stride;
    for (int64_t unit = from; unit < to; ++unit) {
      const int64_t first = unit * group, last = std::min(first + group, t.rows());
      for (int64_t row = first; row < last; ++row)
        transform_tiles<Bt>(source, t, in, row, strip, zeros, v + (row - first) * t.wide * in, v_stride);
      for (int64_t p = 0; p < kPositions; ++p)
        multiply_matrices<kRows, false>(v + p * v_stride, in, 1, weights + p * in * out, kBlock, in * kBlock,
                                        m + p * m_stride, tiles, out, in);
      for (int64_t row = first; row < last; ++row)
        untransform_tiles(m + (row - first) * t.wide * out, m_stride, t, out, row, back, nowhere, target);
    }
  });
  return y;
}

// The weight gradient (out x in x 3 x 3, channels-last) of the convolution above.
Tensor winograd_weight_gradient(const Tensor& dy, const Tensor& x) {
  check_float(x, "x");
  check_float(dy, "dy");
  TORCH_CHECK(dy.size(0) == x.size(0) && dy.size(2) == x.size(2) && dy.size(3) == x.size(3),
              "dy must have x's images, height and width");
  const int64_t in = x.size(1), out = dy.size(1), size = in * out;
  const Tiling t(x);
  const int64_t group = std::max<int64_t>(1, kTilesAtOnce / t.wide), units = (t.rows() + group - 1) / group;
  const int64_t v_stride = position_stride(group * t.wide, in), z_stride = position_stride(group * t.wide, out);
  const int64_t in_strip = kPoints * t.strip(in), out_strip = kPoints * t.strip(out);
  const int64_t zero_row = t.width * std::max(in, out);
  // Few chunks, because each has its own sums; 8 keeps up to 8 cores busy.
  const int64_t chunks = std::min<int64_t>(8, units), share = (units + chunks - 1) / chunks;
  Tensor partial = at::empty({chunks, 3, 3, in, out}, x.options());
  float* parts = partial.mutable_data_ptr<float>();
  const float *xs = x.const_data_ptr<float>(), *dys = dy.const_data_ptr<float>();
  at::parallel_for(0, chunks, 1, [&](int64_t from, int64_t to) {
    float* zeros = scratch(zero_row + in_strip + out_strip + kPositions * (v_stride + z_stride + size) +
                           kPoints * 3 * size);
    float* x_strip = zeros + zero_row;
    float* dy_strip = x_strip + in_strip;
    float* v = dy_strip + out_strip;
    std::fill(zeros, v, 0.0f);
    float* z = v + kPositions * v_stride;
    float* sums = z + kPositions * z_stride;
    float* half = sums + kPositions * size;
    for (int64_t chunk = from; chunk < to; ++chunk) {
      std::fill(sums, half, 0.0f);
      for (int64_t unit = chunk * share; unit < std::min((chunk + 1) * share, units); ++unit) {
        const int64_t first = unit * group, last = std::min(first + group, t.rows());
        for (int64_t row = first; row < last; ++row) {
          const int64_t tile = (row - first) * t.wide;
          transform_tiles<Bt>(xs, t, in, row, x_strip, zeros, v + tile * in, v_stride);
          transform_tiles<A>(dys, t, out, row, dy_strip, zeros, z + tile * out, z_stride);
        }
        for (int64_t p = 0; p < kPositions; ++p)
          multiply_matrices<kInputs, true>(v + p * v_stride, 1, in, z + p * z_stride, out, kBlock, sums + p * size, in, out,
                                           (last - first) * t.wide);
      }
      for (int k = 0; k < kPoints; ++k)
        transform<Gt>(sums + k * size, kPoints * size, half + k * size, kPoints * size, size);
      for (int k = 0; k < 3; ++k)
        transform<Gt>(half + k * kPoints * size, size, parts + (chunk * 9 + k * 3) * size, size, size);
    }
  });
  for (int64_t chunk = 1; chunk < chunks; ++chunk)
    for (int64_t i = 0; i < 9 * size; ++i) parts[i] += parts[chunk * 9 * size + i];
  return partial[0].permute({3, 2, 0, 1}).contiguous(at::MemoryFormat::ChannelsLast);
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
  m.def("winograd(Tensor x, Tensor weight, bool transposed) -> Tensor", &winograd);
  m.def("winograd_weight_gradient(Tensor dy, Tensor x) -> Tensor", &winograd_weight_gradient);
}
