// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/runtime/convolution_shape.hpp>

#include "side_by_side/arena.hpp"

#include <dnnl.hpp>

#include <cstdlib>
#include <vector>

namespace side_by_side {

/// oneDNN's convolution with images and weights in the layout that it chooses itself; bringing them
/// there is not timed. Uses the instruction set that this program was compiled for at most, and as
/// many threads as OMP_NUM_THREADS says.
[[nodiscard]] inline candidate onednn_convolution(const prunus::convolution_shape& s,
                                                  const std::vector<float>& image,
                                                  const std::vector<float>& weights) {
  using dnnl::memory;
  using tag = memory::format_tag;
  static const bool limited = [] {
    if (instruction_set() == "AVX2") dnnl::set_max_cpu_isa(dnnl::cpu_isa::avx2);
    return true;
  }();
  static_cast<void>(limited);
  static dnnl::engine engine(dnnl::engine::kind::cpu, 0);
  static dnnl::stream stream(engine);
  const memory::dims x_dims{1, s.in_channels, s.height, s.width};
  const memory::dims w_dims{s.out_channels, s.in_channels, s.kernel_height, s.kernel_width};
  const memory::dims y_dims{1, s.out_channels, s.out_height(), s.out_width()};
  const memory::dims padding{s.padding_height, s.padding_width};
  const auto described = [](const memory::dims& dims, tag t) {
    return memory::desc(dims, memory::data_type::f32, t);
  };
  const dnnl::convolution_forward::primitive_desc description(
      {dnnl::prop_kind::forward_inference, dnnl::algorithm::convolution_direct,
       described(x_dims, tag::any), described(w_dims, tag::any), described(y_dims, tag::any),
       memory::dims{s.stride_height, s.stride_width}, padding, padding},
      engine);
  const dnnl::convolution_forward convolution(description);
  const auto reordered = [&](const std::vector<float>& from, const memory::dims& dims, tag t,
                             const memory::desc& wanted) {
    memory plain(described(dims, t), engine, const_cast<float*>(from.data()));
    memory result(wanted, engine);
    dnnl::reorder(plain, result).execute(stream, plain, result);
    stream.wait();
    return result;
  };
  const memory x = reordered(image, x_dims, tag::nchw, description.src_desc());
  const memory w = reordered(weights, w_dims, tag::oihw, description.weights_desc());
  const memory y(description.dst_desc(), engine);
  return {
      "oneDNN dense", [=] {
        convolution.execute(stream, {{DNNL_ARG_SRC, x}, {DNNL_ARG_WEIGHTS, w}, {DNNL_ARG_DST, y}});
        stream.wait();
      }};
}

}  // namespace side_by_side
