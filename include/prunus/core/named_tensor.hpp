// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/axis.hpp>
#include <prunus/core/detail/checked_arithmetic.hpp>
#include <prunus/core/detail/copy_by_meaning.hpp>
#include <prunus/core/error.hpp>
#include <prunus/core/view.hpp>

#include <Eigen/Core>

#include <array>        // std::array
#include <string>       // std::string
#include <type_traits>  // std::is_lvalue_reference_v, std::remove_reference_t
#include <vector>       // std::vector

namespace prunus {
inline namespace v0 {

/// A tensor that owns its values, with a name and with the memory order and meaning of the view it
/// came from. Results that must outlive their source (compacted weights, copied optimizer state)
/// are of this type.
template <weight_scalar S>
struct named_tensor {
  std::string name;
  std::array<Index, 4> extents{1, 1, 1, 1};
  std::array<axis, 4> axes{axis::out, axis::in, axis::height, axis::width};
  int rank = 0;
  std::vector<S> values;

  [[nodiscard]] weight_view<S> view() noexcept { return {values.data(), extents, axes, rank}; }
  [[nodiscard]] weight_view<const S> view() const noexcept {
    return {values.data(), extents, axes, rank};
  }

  /// Fills an Eigen matrix, vector, array or Tensor with the values, each where its meaning puts
  /// it: whatever the storage orders, prunus::view(x) then reads x as this tensor.
  ///
  ///     Eigen::MatrixXf w;           // out x in
  ///     tensor.to(w);
  ///     Eigen::Tensor<float, 4> k;   // as Keras indexes it
  ///     tensor.to(k, "HWIO");
  ///
  /// What owns its elements gets the right shape; a Map, Ref, block or TensorMap and a type of
  /// fixed size must have it. Values are converted to the destination's scalar. Cost: one pass, in
  /// runs where the memory orders agree.
  /// @param meaning of the destination's indices; O, OI, OIW or OIHW unless told, a vector is O
  /// @throws shape_error (bad_layout; shape_mismatch: a destination of another shape, or an axis
  ///         that it lacks), which leaves the destination as it was
  template <class X>
    requires(detail::dense_destination<std::remove_reference_t<X>>)
  void to(X&& x, layout meaning = detail::usual_layout<std::remove_reference_t<X>>()) const {
    fill(x, meaning);
    check_lifetime<X>();
  }
  template <class X>
    requires(detail::tensor_destination<std::remove_reference_t<X>>)
  void to(X&& x, layout meaning = layout::of_rank(std::remove_reference_t<X>::NumIndices)) const {
    fill(x, meaning);
    check_lifetime<X>();
  }

 private:
  template <class X>
  static void check_lifetime() {
    static_assert(
        std::is_lvalue_reference_v<X> || !detail::owns_elements<std::remove_reference_t<X>>,
        "prunus::named_tensor::to: a temporary would lose the values; give it a name first");
  }
  template <class X>
  void fill(X& x, layout meaning) const {
    if (detail::product_of(extents) != static_cast<Index>(values.size()))
      throw shape_error(errc::shape_mismatch,
                        detail::concat(name, " is ", describe(view()), " and holds ", values.size(),
                                       " values; they must agree"));
    detail::fill_from<S>(view(), x, meaning, name);
  }
};

}  // namespace v0
}  // namespace prunus
