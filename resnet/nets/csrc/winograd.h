#pragma once

// Winograd's convolution and its weight gradient, of float32 or bfloat16 tensors, in float32 arithmetic.

#include "checks.h"
#include "winograd_transforms.h"

namespace resnet_fused {

// c[R][J vectors] = (or, with Add, +=) sum over k < depth of a[r][k] * b[k]; a's element is at r * a_row + k * a_step.
template <int R, int J, bool Add>
void multiply_block(const float* a, int64_t a_row, int64_t a_step, const float* b, int64_t b_row, float* c,
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

// Tiles of a group. v, m and the weights (another half megabyte with 64 channels) share a cache of a megabyte; with fewer
// tiles the weights would be read too often, above all where they do not fit in (AVX2's processors have half of it).
constexpr int64_t kTilesAtOnce = kLanes == 16 ? 24 : 48;
constexpr int64_t kSummedTiles = 48;  // the same of the weight gradient, which adds a group's products to its sums
constexpr int kRows = kLanes == 16 ? 12 : 6;  // tiles in registers at a time: 12 of the 16 or 32 vector registers
// The same of the weight gradient, whose rows are input channels, a multiple of 16.
constexpr int kInputs = kLanes == 16 ? 16 : 4;

// u[position][block of 16 outputs][in][16] of weight (out x in x 3 x 3, or transposed): a block is read from end to end by
// the product. The weight is read in place, because threads that wait for one another more often lose time on busy cores.
inline void transform_weights(const Tensor& weight, bool transposed, float* u) {
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

template <typename T>
void convolve(const Tensor& x, const float* u, const std::optional<Tensor>& added, Tensor& y) {
  const Tiling t(x);
  const int64_t group = std::max<int64_t>(1, kTilesAtOnce / t.wide), units = (t.rows() + group - 1) / group;
  const int64_t tiles = (group * t.wide + kRows - 1) / kRows * kRows;
  const T *source = x.const_data_ptr<T>(), *summand = added ? added->const_data_ptr<T>() : nullptr;
  T* target = y.mutable_data_ptr<T>();
  with_constant(x.size(1), [&](auto in) {
    with_constant(y.size(1), [&](auto out) {
      const int64_t v_stride = position_stride(tiles, in), m_stride = position_stride(tiles, out);
      const int64_t in_strip = kPoints * t.strip(in), out_strip = kPoints * t.strip(out);
      const int64_t zero_row = t.width * in, no_row = t.width * out;
      at::parallel_for(0, units, 1, [&](int64_t from, int64_t to) {
        float* zeros = scratch(zero_row + in_strip + out_strip + no_row + kPositions * (v_stride + m_stride));
        float* strip = zeros + zero_row;
        std::fill(zeros, strip + in_strip, 0.0f);
        float* back = strip + in_strip;
        float* nowhere = back + out_strip;
        float* v = nowhere + no_row;
        float* m = v + kPositions * v_stride;
        for (int64_t unit = from; unit < to; ++unit) {
          const int64_t first = unit * group, last = std::min(first + group, t.rows()), next = std::min(last + group, t.rows());
          for (int64_t row = first; row < last; ++row)
            transform_tiles<Bt>(source, t, in, row, strip, reinterpret_cast<const T*>(zeros),
                                v + (row - first) * t.wide * in, v_stride);
          for (int64_t p = 0; p < kPositions; ++p) {
            prefetch<false>(source, t.pixel(last) * in, t.pixel(next) * in, p);
            prefetch<true>(target, t.pixel(first) * out, t.pixel(last) * out, p);
            if (summand) prefetch<false>(summand, t.pixel(first) * out, t.pixel(last) * out, p);
            multiply_matrices<kRows, false>(v + p * v_stride, in, 1, u + p * in * out, kBlock, in * kBlock,
                                            m + p * m_stride, tiles, out, in);
          }
          for (int64_t row = first; row < last; ++row)
            untransform_tiles(m + (row - first) * t.wide * out, m_stride, t, out, row, back,
                              reinterpret_cast<T*>(nowhere), summand, target);
        }
      });
    });
  });
}

// The convolution of x with weight (out x in x 3 x 3), stride 1, padding 1; `transposed`: its data gradient, that is the
// convolution with the weight's taps reversed and its channels exchanged. `added`, if given, is added to the result. In
// bfloat16 the weight and all sums are float32.
inline Tensor winograd(const Tensor& x, const Tensor& weight, bool transposed, const std::optional<Tensor>& added) {
  check_input(x);
  TORCH_CHECK(weight.device().is_cpu() && weight.dim() == 4 && weight.scalar_type() == at::kFloat &&
                  weight.size(2) == 3 && weight.size(3) == 3 && weight.size(transposed ? 0 : 1) == x.size(1) &&
                  weight.size(transposed ? 1 : 0) % kBlock == 0,
              "weight must be out x in x 3 x 3 in float32, in fitting x, out a multiple of 16");
  const int64_t in = x.size(1), out = weight.size(transposed ? 1 : 0);
  Tensor u = at::empty({kPositions, in, out}, weight.options());
  transform_weights(weight, transposed, u.mutable_data_ptr<float>());
  Tensor y = output({x.size(0), out, x.size(2), x.size(3)}, x.options());
  if (added) check(*added, y, "added");
  dispatch(x, [&](auto type) { convolve<decltype(type)>(x, u.const_data_ptr<float>(), added, y); });
  return y;
}

// parts[chunk][3][3][in][out]: what the chunks of the images add to the weight gradient.
template <typename T>
void weight_gradient_parts(const Tensor& dy, const Tensor& x, float* parts, int64_t chunks, int64_t group) {
  const Tiling t(x);
  const int64_t units = (t.rows() + group - 1) / group;
  const T *xs = x.const_data_ptr<T>(), *dys = dy.const_data_ptr<T>();
  with_constant(x.size(1), [&](auto in) {
    with_constant(dy.size(1), [&](auto out) {
      const int64_t size = in * out, zero_row = t.width * std::max<int64_t>(in, out);
      const int64_t v_stride = position_stride(group * t.wide, in), z_stride = position_stride(group * t.wide, out);
      const int64_t in_strip = kPoints * t.strip(in), out_strip = kPoints * t.strip(out);
      at::parallel_for(0, chunks, 1, [&](int64_t from, int64_t to) {
        float* zeros = scratch(zero_row + in_strip + out_strip + kPositions * (v_stride + z_stride + size) +
                               kPoints * 3 * size);
        const T* no_pixels = reinterpret_cast<const T*>(zeros);
        float* x_strip = zeros + zero_row;
        float* dy_strip = x_strip + in_strip;
        float* v = dy_strip + out_strip;
        std::fill(zeros, v, 0.0f);
        float* z = v + kPositions * v_stride;
        float* sums = z + kPositions * z_stride;
        float* half = sums + kPositions * size;
        for (int64_t chunk = from; chunk < to; ++chunk) {
          std::fill(sums, half, 0.0f);
          for (int64_t unit = chunk * units / chunks; unit < (chunk + 1) * units / chunks; ++unit) {
            const int64_t first = unit * group, last = std::min(first + group, t.rows()), next = std::min(last + group, t.rows());
            for (int64_t row = first; row < last; ++row) {
              const int64_t tile = (row - first) * t.wide;
              transform_tiles<Bt>(xs, t, in, row, x_strip, no_pixels, v + tile * in, v_stride);
              transform_tiles<A>(dys, t, out, row, dy_strip, no_pixels, z + tile * out, z_stride);
            }
            for (int64_t p = 0; p < kPositions; ++p) {
              prefetch<false>(xs, t.pixel(last) * in, t.pixel(next) * in, p);
              prefetch<false>(dys, t.pixel(last) * out, t.pixel(next) * out, p);
              multiply_matrices<kInputs, true>(v + p * v_stride, 1, in, z + p * z_stride, out, kBlock, sums + p * size, in,
                                               out, (last - first) * t.wide);
            }
          }
          for (int k = 0; k < kPoints; ++k)
            transform<Gt>(sums + k * size, kPoints * size, half + k * size, kPoints * size, size);
          for (int k = 0; k < 3; ++k)
            transform<Gt>(half + k * kPoints * size, size, parts + (chunk * 9 + k * 3) * size, size, size);
        }
      });
    });
  });
}

// The weight gradient (out x in x 3 x 3, float32, channels-last) of the convolution above.
inline Tensor winograd_weight_gradient(const Tensor& dy, const Tensor& x) {
  check_input(x);
  check_input(dy);
  TORCH_CHECK(dy.scalar_type() == x.scalar_type() && dy.size(0) == x.size(0) && dy.size(2) == x.size(2) &&
                  dy.size(3) == x.size(3),
              "dy must have x's type, images, height and width");
  const int64_t in = x.size(1), out = dy.size(1);
  const Tiling t(x);
  const int64_t group = std::max<int64_t>(1, kSummedTiles / t.wide), units = (t.rows() + group - 1) / group;
  // Few chunks, because each has its own sums; 8 keeps up to 8 cores busy.
  const int64_t chunks = std::min<int64_t>(8, units);
  Tensor partial = at::empty({chunks, 3, 3, in, out}, x.options().dtype(at::kFloat));
  float* parts = partial.mutable_data_ptr<float>();
  dispatch(x, [&](auto type) { weight_gradient_parts<decltype(type)>(dy, x, parts, chunks, group); });
  for (int64_t chunk = 1; chunk < chunks; ++chunk)
    for (int64_t i = 0; i < 9 * in * out; ++i) parts[i] += parts[chunk * 9 * in * out + i];
  return partial[0].permute({3, 2, 0, 1}).contiguous(at::MemoryFormat::ChannelsLast);
}

}  // namespace resnet_fused
