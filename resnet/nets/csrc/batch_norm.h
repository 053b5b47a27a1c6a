#pragma once

// Batch norm, the addition of a shortcut and ReLU in one operation, forward and backward.

#include "checks.h"

namespace resnet_fused {

// Per-channel sums of a chunk are float over at most kRun pixels, then double: a float sum over 10^5 pixels loses digits.
constexpr int64_t kRun = 128;

template <int B, typename Body>
void accumulate(int64_t begin, int64_t end, double* first, double* second, Body&& body) {
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
inline std::vector<double> add_chunks(const std::vector<double>& partial, int64_t chunks, int64_t channels) {
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

inline std::tuple<Tensor, Tensor, Tensor> batch_norm_forward(const Tensor& x, const Tensor& weight, const Tensor& bias,
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
  Tensor y = output_like(x);
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

inline Tensor scale_shift(const Tensor& x, const Tensor& scale, const Tensor& shift, const std::optional<Tensor>& shortcut,
                   bool relu) {
  check_input(x);
  check_channels(scale, x, "scale");
  check_channels(shift, x, "shift");
  if (shortcut) check(*shortcut, x, "shortcut");
  Tensor y = output_like(x);
  dispatch(x, [&](auto type) {
    using T = decltype(type);
    normalise(x.const_data_ptr<T>(), shortcut ? shortcut->const_data_ptr<T>() : nullptr, y.mutable_data_ptr<T>(),
              scale.const_data_ptr<float>(), shift.const_data_ptr<float>(), split_rows(x.numel() / x.size(1)), x.size(1),
              relu);
  });
  return y;
}

// Without y there is no ReLU. The gradient of the shortcut is written only where asked for.
inline std::tuple<Tensor, Tensor, Tensor, Tensor> batch_norm_backward(const Tensor& dy, const Tensor& x,
                                                               const std::optional<Tensor>& y, const Tensor& weight,
                                                               const Tensor& mean, const Tensor& invstd,
                                                               bool with_shortcut) {
  check_input(x);
  check(dy, x, "dy");
  if (y) check(*y, x, "y");
  check_channels(weight, x, "weight");
  check_channels(mean, x, "mean");
  check_channels(invstd, x, "invstd");
  Tensor dx = output_like(x);
  Tensor dshortcut = with_shortcut ? output_like(x) : at::empty({0}, x.options());
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

}  // namespace resnet_fused
