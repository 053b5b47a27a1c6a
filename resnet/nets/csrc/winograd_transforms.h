#pragma once

// Winograd's convolution F(4x4, 3x3), float32: 36 products for 16 outputs instead of 144 (Lavin and Gray, CVPR 2016).
// With 1-D transforms applied to the rows and to the columns of a tile,
//   y = At [ (G w) * (Bt x) ],  w 3x3, x 6x6, y 4x4, * elementwise and summed over input channels,
// and, as its adjoint, the weight gradient of a tile is Gt [ (Bt x) * (A dy) ].
// The points of interpolation are 0, a, -a, b, -b and infinity. The usual 1 and 2 have twice the rounding error of
// a = 3/4, b = 3/2, whose powers below are exact in float32 as well.

#include "vectors.h"

namespace resnet_fused {

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
template <typename Transform, typename From, typename To>
inline void transform(const From* const* from, To* const* to, int64_t count) {
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
  for (int64_t i = 0; i < count; i += kLanes, from += kLanes, to += kLanes) {
    Floats in[Transform::from], out[Transform::to];
#pragma GCC unroll 6
    for (int k = 0; k < Transform::from; ++k) in[k] = load(from + k * from_row);
    Transform::apply(in, out);
#pragma GCC unroll 6
    for (int k = 0; k < Transform::to; ++k) store(to + k * to_row, out[k]);
  }
}

// Images of N x height x width in tiles of 4 x 4 pixels; the last ones may hang over. A row of tiles is the unit of work:
// rows of tiles are numbered through all images, and several of them, a group, are in the working memory at a time.
struct Tiling {
  int64_t images, height, width, tall, wide;
  Tiling(const Tensor& x)
      : images(x.size(0)), height(x.size(2)), width(x.size(3)), tall((height + kTile - 1) / kTile),
        wide((width + kTile - 1) / kTile) {}
  int64_t rows() const { return images * tall; }
  int64_t strip(int64_t channels) const { return (wide * kTile + 2) * channels; }
  // Where a row of tiles begins in memory; the rows of an image's last tiles may hang over.
  int64_t pixel(int64_t row) const { return (row / tall * height + row % tall * kTile) * width; }
};

// Distance between the positions' matrices. The odd cache line keeps 36 streams out of each other's cache sets.
inline int64_t position_stride(int64_t tiles, int64_t channels) { return tiles * channels + kBlock; }

// Calls f(channels) with the nets' own numbers as constants, for which the compiler makes shorter loops.
template <typename F>
inline void with_constant(int64_t channels, F&& f) {
  switch (channels) {
    case 16: return f(std::integral_constant<int64_t, 16>());
    case 32: return f(std::integral_constant<int64_t, 32>());
    case 64: return f(std::integral_constant<int64_t, 64>());
    default: return f(channels);
  }
}

// Asks memory for the p-th of 36 parts of what comes next, while a product keeps the arithmetic busy.
template <bool Write, typename T>
inline void prefetch(const T* data, int64_t begin, int64_t end, int64_t p) {
  constexpr int64_t line = 64 / sizeof(T);
  const int64_t lines = (end - begin) / line;
  for (int64_t i = lines * p / kPositions; i < lines * (p + 1) / kPositions; ++i)
    __builtin_prefetch(data + begin + i * line, Write ? 1 : 0, Write ? 3 : 2);
}

// Transforms the pixels of one row of tiles, and for Bt a border of one pixel, into v[position][tile][channel].
// strip is Transform::to rows of pixels with one more at the left; its pixels outside the image must be zero.
template <typename Transform, typename T, typename Channels>
inline void transform_tiles(const T* x, const Tiling& t, Channels channels, int64_t row, float* strip, const T* zeros,
                            float* v, int64_t stride) {
  constexpr int border = (Transform::from - kTile) / 2;
  const int64_t n = row / t.tall, first = row % t.tall * kTile - border, strip_row = t.strip(channels);
  const T* from[Transform::from];
  float* to[kPoints];
  for (int k = 0; k < Transform::from; ++k) {
    const int64_t y = first + k;
    from[k] = y >= 0 && y < t.height ? x + (n * t.height + y) * t.width * channels : zeros;
  }
  for (int k = 0; k < kPoints; ++k) to[k] = strip + k * strip_row + channels;
  transform<Transform>(from, to, t.width * channels);
  for (int k = 0; k < kPoints; ++k) {
    const float* pixels = strip + k * strip_row + (1 - border) * channels;
    float* tiles = v + k * kPoints * stride;
    for (int64_t tile = 0; tile < t.wide; ++tile, pixels += kTile * channels, tiles += channels)
      transform<Transform>(pixels, channels, tiles, stride, channels);
  }
}

// The way back: from m[position][tile][channel], plus `added` if there is one, to the pixels of one row of tiles.
template <typename T, typename Channels>
inline void untransform_tiles(const float* m, int64_t stride, const Tiling& t, Channels channels, int64_t row,
                              float* strip, T* nowhere, const T* added, T* y) {
  const int64_t n = row / t.tall, first = row % t.tall * kTile, strip_row = t.strip(channels);
  for (int k = 0; k < kPoints; ++k) {
    const float* tiles = m + k * kPoints * stride;
    float* pixels = strip + k * strip_row;
    for (int64_t tile = 0; tile < t.wide; ++tile, tiles += channels, pixels += kTile * channels)
      transform<At>(tiles, stride, pixels, channels, channels);
  }
  const int64_t count = t.width * channels, rows = std::min<int64_t>(kTile, t.height - first);
  const int64_t begin = (n * t.height + first) * count;
  T* to[kTile];
  for (int k = 0; k < kTile; ++k) to[k] = k < rows ? y + begin + k * count : nowhere;
  for (int64_t i = 0; i < count; i += kLanes) {
    Floats in[kPoints], out[kTile];
#pragma GCC unroll 6
    for (int k = 0; k < kPoints; ++k) in[k] = load(strip + k * strip_row + i);
    At::apply(in, out);
    if (added)
      for (int k = 0; k < rows; ++k) out[k] += load(added + begin + k * count + i);
#pragma GCC unroll 4
    for (int k = 0; k < kTile; ++k) store(to[k] + i, out[k]);
  }
}

}  // namespace resnet_fused
