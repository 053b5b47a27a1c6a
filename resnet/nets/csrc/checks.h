#pragma once

// What a tensor must be for a kernel to take it, and new tensors.

#include "memory.h"
#include "vectors.h"

namespace resnet_fused {

inline void check(const Tensor& t, const Tensor& like, const char* name) {
  TORCH_CHECK(t.device().is_cpu() && t.scalar_type() == like.scalar_type() && t.sizes() == like.sizes() &&
                  t.is_contiguous(at::MemoryFormat::ChannelsLast),
              name, " must be a channels-last CPU tensor with x's shape and type");
}

inline void check_input(const Tensor& x) {
  TORCH_CHECK(x.dim() == 4 && x.size(1) % kBlock == 0 && x.numel() > 0, "x must be N x C x H x W, C a multiple of 16");
  TORCH_CHECK(x.scalar_type() == at::kFloat || x.scalar_type() == at::kBFloat16, "x must be float32 or bfloat16");
  check(x, x, "x");
}

inline void check_channels(const Tensor& t, const Tensor& x, const char* name) {
  TORCH_CHECK(t.device().is_cpu() && t.scalar_type() == at::kFloat && t.is_contiguous() && t.numel() == x.size(1), name,
              " must be a contiguous float32 CPU tensor with one value a channel");
}

inline Tensor output(at::IntArrayRef sizes, const at::TensorOptions& options) {
  Tensor t = at::empty(sizes, options, at::MemoryFormat::ChannelsLast);
  use_huge_pages();
  return t;
}

inline Tensor output_like(const Tensor& x) { return output(x.sizes(), x.options()); }

template <typename F>
void dispatch(const Tensor& x, F&& f) {
  if (x.scalar_type() == at::kFloat) {
    f(float());
  } else {
    f(at::BFloat16());
  }
}

}  // namespace resnet_fused
