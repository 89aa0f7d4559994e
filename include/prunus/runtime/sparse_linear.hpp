// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/error.hpp>
#include <prunus/runtime/detail/any_packing.hpp>
#include <prunus/runtime/detail/similar_rows.hpp>
#include <prunus/runtime/matrix_product.hpp>
#include <prunus/runtime/packing_format.hpp>
#include <prunus/runtime/sparse_format.hpp>
#include <prunus/simd/channel_epilogue.hpp>

#include <Eigen/Core>

#include <algorithm>  // std::fill_n, std::min
#include <concepts>   // std::floating_point
#include <cstdint>    // std::int32_t, std::uint16_t
#include <limits>     // std::numeric_limits
#include <memory>     // std::shared_ptr
#include <utility>    // std::move
#include <vector>     // std::vector

namespace prunus {
inline namespace v0 {

/// A linear layer that does not compute what its zeros would contribute.
///
///     prunus::sparse_linear<float> linear_layer{{.in = 4096, .out = 1000}, weights.data(),
///                                             prunus::formats::blocks_of<16>{}};
///     linear_layer.forward(x, {.shift = bias, .relu = true}, y, samples, scratch.data());
///
/// One sample is limited by how fast the weights are read, so that the time follows their bytes:
/// blocks need one index, of two bytes, for all their weights, `rows` and `patterns` one for each
/// or for each few. Many samples go together, one in each lane. The dense twin is `linear_forward`.
///
/// The weights are packed once, when the object is made: pack again after they have changed, copies
/// share them. All calls are const, allocate nothing and use only the `scratch` they are given. A
/// weight that is zero takes no part, so NaN or infinity in an input that only zeros read do not
/// reach the output. Rounding: the order of summation depends on the format, on the number of
/// samples and on the width of the machine's registers.
template <std::floating_point S>
class sparse_linear {
 public:
  /// @param weights out x in, row-major; only read here
  /// @throws shape_error (shape_mismatch) for extents below 1 or more than 2^31 weights
  template <packing_format Format>
  sparse_linear(const linear_shape& shape, const S* weights, Format)
      : shape_((check(shape), shape)) {
    pack<Format>(weights);
  }
  sparse_linear(const linear_shape& shape, const S* weights, sparse_format format)
      : shape_((check(shape), shape)) {
    format.visit([&]<class Format>(Format) { pack<Format>(weights); });
  }

  [[nodiscard]] const linear_shape& shape() const noexcept { return shape_; }
  /// Weights packed: those that are not zero, and the zeros that share a block with them. As many
  /// multiply-adds are done for each sample.
  [[nodiscard]] Index packed_weights() const noexcept { return packed_->size(); }
  /// Bytes that are read for one sample, beside the sample.
  [[nodiscard]] Index packed_bytes() const noexcept { return packed_->bytes(); }
  /// Numbers of scratch memory that `forward` needs.
  [[nodiscard]] Index scratch_size() const noexcept { return (shape_.in + shape_.out) * together; }

  /// y = epilogue(x * weights^T); NaN stays NaN.
  /// @pre x: samples x in, y: samples x out, not overlapping; scratch: scratch_size() numbers
  void forward(const S* x, const channel_epilogue<S>& epilogue, S* y, Index samples,
               S* scratch) const noexcept {
    for (Index n = 0; n < samples;) {
      const Index count = std::min(together, samples - n);
      if (count < fewest_in_lanes) {
        packed_->multiply(x + n * shape_.in, y + n * shape_.out);
        epilogue.apply(y + n * shape_.out, shape_.out);
        ++n;
      } else {
        several(x + n * shape_.in, epilogue, y + n * shape_.out, count, scratch);
        n += count;
      }
    }
  }

 private:
  /// Samples that are computed together, and from how many on they go into lanes.
  static constexpr Index together = 2 * detail::lanes<S>;
  static constexpr Index fewest_in_lanes = detail::lanes<S> / 2;

  /// Inputs of one sample that stay in the first level of the cache while all weights pass.
  static constexpr Index most_inputs = (Index{1} << 14) / Index{sizeof(S)};
  static_assert(most_inputs <= Index{1} << 16);  // numbered by two bytes each

  static void check(const linear_shape& shape) {
    if (shape.in < 1 || shape.out < 1 ||
        shape.out > std::numeric_limits<std::int32_t>::max() / shape.in)
      throw shape_error(errc::shape_mismatch,
                        detail::concat("sparse_linear: ", shape.out, " x ", shape.in,
                                       " weights; both extents must be at least 1, and there may "
                                       "be at most 2^31 weights"));
  }
  template <packing_format Format>
  void pack(const S* weights) {
    constexpr int most_rows = detail::vector_registers >= 32 ? 16 : 8;
    typename Format::template packed<S, std::uint16_t, most_rows> packed;
    const std::vector<std::int32_t> order = detail::rows_in_order(shape_.out);
    const Index parts = (shape_.in + most_inputs - 1) / most_inputs;
    for (Index p = 0; p < parts; ++p) {
      const Index begin = p * shape_.in / parts, end = (p + 1) * shape_.in / parts;
      packed.begin_part(begin);
      packed.pack(weights, shape_.in, 0, order, begin, end, [](Index k) { return k; });
    }
    packed_ = detail::erase<S>(std::move(packed));
  }

  void several(const S* x, const channel_epilogue<S>& epilogue, S* y, Index count,
               S* scratch) const noexcept {
    S *const lines = scratch, *const result = scratch + shape_.in * together;
    if (count < together) std::fill_n(lines, shape_.in * together, S(0));
    detail::transpose(x, shape_.in, count, shape_.in, lines, together);
    packed_->multiply(lines, together, count, epilogue, result, together, 0, packed_->panels());
    detail::transpose(result, together, shape_.out, count, y, shape_.out);
  }

  linear_shape shape_;
  std::shared_ptr<const detail::any_packing<S>> packed_;
};

}  // namespace v0
}  // namespace prunus
