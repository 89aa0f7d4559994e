// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/axis.hpp>
#include <prunus/core/detail/checked_arithmetic.hpp>
#include <prunus/core/error.hpp>

#include <Eigen/Core>

#include <algorithm>         // std::min
#include <array>             // std::array
#include <concepts>          // std::same_as
#include <cstddef>           // std::size_t
#include <initializer_list>  // shapes in calls
#include <optional>          // std::optional
#include <span>              // std::span
#include <string>            // std::string
#include <string_view>       // std::string_view
#include <type_traits>       // std::remove_cvref_t
#include <utility>           // std::forward, std::index_sequence

namespace prunus {
inline namespace v0 {

/// The scalars that weights may have.
template <class S>
concept weight_scalar = std::same_as<S, float> || std::same_as<S, double> ||
    std::same_as<S, Eigen::half> || std::same_as<S, Eigen::bfloat16>;

/// A view on a contiguous block of weights: up to four axes in memory order (slowest first) and
/// what each of them means.
///
/// It never owns and never copies. Axes that the weight lacks have extent 1 and stand in front.
/// Cheap to pass by value. The strides are worked out once, when the view is made: to change its
/// shape, make another.
template <class S>
  requires weight_scalar<std::remove_const_t<S>>
struct weight_view {
  S* data = nullptr;
  std::array<Index, 4> extents{1, 1, 1, 1};  ///< memory order, slowest first
  std::array<axis, 4> axes{axis::out, axis::in, axis::height,
                           axis::width};  ///< what each memory axis means
  int rank = 0;                           ///< of the user's tensor, 1 to 5; 0 for a single number

  constexpr weight_view() noexcept = default;
  /// @pre every axis once
  constexpr weight_view(S* first, const std::array<Index, 4>& shape,
                        const std::array<axis, 4>& meaning, int user_rank) noexcept
      : data(first), extents(shape), axes(meaning), rank(user_rank) {
    Index stride = 1;
    for (std::size_t k = 4; k-- > 0; stride *= extents[k])
      strides_[static_cast<std::size_t>(axes[k])] = stride;
  }

  [[nodiscard]] constexpr Index size() const noexcept {
    return data == nullptr ? 0 : extents[0] * extents[1] * extents[2] * extents[3];
  }
  [[nodiscard]] constexpr bool empty() const noexcept { return size() == 0; }

  /// Number of positions along `a`; 1 where the weight has no such axis.
  [[nodiscard]] constexpr Index extent(axis a) const noexcept { return extents[position(a)]; }

  /// Elements between neighbours along `a`.
  [[nodiscard]] constexpr Index stride(axis a) const noexcept {
    return strides_[static_cast<std::size_t>(a)];
  }

  /// One element; no bounds check.
  [[nodiscard]] constexpr S& operator()(Index out, Index in = 0, Index height = 0,
                                        Index width = 0) const noexcept {
    return data[out * strides_[0] + in * strides_[1] + height * strides_[2] + width * strides_[3]];
  }

  /// Where axis `a` stands in memory order, 0 = slowest.
  [[nodiscard]] constexpr std::size_t position(axis a) const noexcept {
    std::size_t k = 0;
    while (axes[k] != a) ++k;
    return k;
  }

  /// True when both views have the same extents with the same meaning in the same order.
  template <class T>
  [[nodiscard]] constexpr bool same_shape(const weight_view<T>& other) const noexcept {
    return extents == other.extents && axes == other.axes;
  }

  constexpr operator weight_view<const S>()
      const noexcept  // NOLINT(google-explicit-constructor): as span does
      requires(!std::is_const_v<S>) {
    return {data, extents, axes, rank};
  }

 private:
  std::array<Index, 4> strides_{1, 1, 1, 1};  // of out, in, height, width
};

/// "64 x 32 x 3 x 3 (out x in x height x width)" in memory order, without the axes of extent 1 in
/// front of the tensor's own.
template <class S>
[[nodiscard]] std::string describe(const weight_view<S>& w) {
  std::string numbers, names;
  for (std::size_t k = static_cast<std::size_t>(4 - std::min(w.rank, 4)); k < 4; ++k) {
    numbers += detail::concat(numbers.empty() ? "" : " x ", w.extents[k]);
    names += detail::concat(names.empty() ? "" : " x ", name_of(w.axes[k]));
  }
  if (w.rank == 0) return "a single number";
  return detail::concat(numbers, " (", names, ")");
}

namespace detail {

/// "64 x 32 x 3 x 3".
[[nodiscard]] inline std::string joined_extents(std::span<const Index> extents) {
  std::string text;
  for (const Index extent : extents) text += concat(text.empty() ? "" : " x ", extent);
  return text;
}

/// Whether extents and their meaning, from a file, make a weight: every axis once, at least one
/// position along each, and a number of elements that can be counted.
[[nodiscard]] constexpr bool is_shape(const std::array<Index, 4>& extents,
                                      const std::array<axis, 4>& axes) noexcept {
  std::array<bool, 4> seen{};
  for (std::size_t k = 0; k < 4; ++k) {
    const auto a = static_cast<std::size_t>(axes[k]);
    if (extents[k] < 1 || a >= 4 || seen[a]) return false;
    seen[a] = true;
  }
  return product_of(extents).has_value();
}

/// Merges depth with height, its neighbour in memory, and pads with axes of extent 1 in front.
/// @pre extents and letters are in memory order, at most five, and form a layout
template <class S>
[[nodiscard]] weight_view<S> make_view(S* data, std::span<const Index> extents,
                                       std::string_view letters) {
  constexpr auto axis_of = [](char letter) {
    return letter == 'O'   ? axis::out
           : letter == 'I' ? axis::in
           : letter == 'W' ? axis::width
                           : axis::height;
  };
  std::array<Index, 4> merged{1, 1, 1, 1};
  std::array<axis, 4> axes{};
  std::array<bool, 4> used{};
  std::size_t slot = 4;
  for (std::size_t k = extents.size(); k-- > 0;) {
    const axis a = axis_of(letters[k]);
    const bool second_half_of_height = a == axis::height && used[static_cast<std::size_t>(a)];
    if (!second_half_of_height) axes[--slot] = a;
    merged[slot] *= extents[k];
    used[static_cast<std::size_t>(a)] = true;
  }
  for (std::size_t a = 4; a-- > 0;)
    if (!used[a]) axes[--slot] = static_cast<axis>(a);
  return {data, merged, axes, static_cast<int>(extents.size())};
}

/// Checks and builds a view of `shape` (in the order of the user's indices) stored row-major or
/// column-major.
template <class S>
[[nodiscard]] weight_view<S> checked_view(S* data, std::span<const Index> shape, layout meaning,
                                          bool row_major) {
  if (static_cast<int>(shape.size()) != meaning.rank())
    throw shape_error(
        errc::bad_layout,
        concat("view: the tensor has ", shape.size(), " axes, the layout \"", meaning.text(),
               "\" has ", meaning.rank(), "; pass a layout with one letter for each axis"));
  std::array<Index, 5> extents{};
  std::array<char, 5> letters{};
  const std::size_t rank = shape.size();
  for (std::size_t k = 0; k < rank; ++k) {
    if (shape[k] < 1)
      throw shape_error(errc::shape_mismatch,
                        concat("view: axis ", k, " has extent ", shape[k],
                               "; every axis of a weight must have at least 1"));
    const std::size_t slot = row_major ? k : rank - 1 - k;
    extents[slot] = shape[k];
    letters[slot] = meaning.text()[k];
  }
  const std::optional<Index> size = product_of(shape);
  if (!size)
    throw shape_error(errc::shape_mismatch, concat("view: a shape of ", joined_extents(shape),
                                                   " has more elements than can be counted"));
  if (data == nullptr)
    throw argument_error(errc::null_storage,
                         concat("view: a null pointer for a weight of ", *size, " elements"));
  return make_view(data, std::span<const Index>(extents.data(), rank),
                   std::string_view(letters.data(), rank));
}

/// Eigen's Tensor, TensorFixedSize and TensorMap, recognised without including them.
template <class T>
concept eigen_tensor = requires(T& t) {
  { T::NumIndices } -> std::convertible_to<int>;
  { T::Layout } -> std::convertible_to<int>;
  t.dimensions()[0];
  t.data();
};
/// TensorMap does not own: a temporary one may be viewed.
template <class T>
concept owning_tensor = eigen_tensor<T> && !requires {
  typename T::StoragePointerType;
};

/// Eigen's kinds of dimensions differ in the type of their index: constants suit them all.
template <class Tensor, std::size_t... Axis>
[[nodiscard]] std::array<Index, sizeof...(Axis)> extents_of(const Tensor& tensor,
                                                            std::index_sequence<Axis...>) {
  return {static_cast<Index>(tensor.dimensions()[Axis])...};
}

template <class T>
concept contiguous_values = requires(T& t) {
  { *t.data() } -> std::convertible_to<double>;
  { t.size() } -> std::convertible_to<std::size_t>;
}
&&!std::is_base_of_v<Eigen::EigenBase<std::remove_cv_t<T>>, std::remove_cv_t<T>> &&
    !eigen_tensor<T>;

template <class>
inline constexpr bool is_span = false;
template <class S, std::size_t N>
inline constexpr bool is_span<std::span<S, N>> = true;

template <class Matrix>
[[nodiscard]] auto view_matrix(Matrix& m, layout meaning) {
  using scalar = std::remove_reference_t<decltype(*m.data())>;
  if constexpr (Matrix::IsVectorAtCompileTime) {
    const std::array<Index, 1> shape{m.size()};
    if (meaning.rank() == 1) return checked_view<scalar>(m.data(), shape, meaning, true);
  }
  const std::array<Index, 2> shape{m.rows(), m.cols()};
  return checked_view<scalar>(m.data(), shape, meaning, bool(Matrix::IsRowMajor));
}

/// A map or a transpose, which do not own: strided ones are refused.
template <class Derived>
[[nodiscard]] auto view_borrowed(const Derived& m, layout meaning) {
  using scalar = std::conditional_t<bool(Eigen::internal::is_lvalue<Derived>::value),
                                    typename Derived::Scalar, const typename Derived::Scalar>;
  if ((m.innerSize() > 1 && m.innerStride() != 1) ||
      (m.outerSize() > 1 && m.outerStride() != m.innerSize()))
    throw shape_error(
        errc::not_contiguous,
        concat("view: the matrix has inner stride ", m.innerStride(), " and outer stride ",
               m.outerStride(), " for an inner size of ", m.innerSize(),
               "; weights must be one contiguous block, copy it or view its parent"));
  // A map is a pointer with a shape: its own constness says nothing about the constness of the
  // elements.
  Eigen::Map<Eigen::Matrix<std::remove_const_t<scalar>, Derived::RowsAtCompileTime,
                           Derived::ColsAtCompileTime,
                           int(Derived::IsRowMajor) ? int(Eigen::RowMajor) : int(Eigen::ColMajor)>>
      writable(const_cast<std::remove_const_t<scalar>*>(m.data()), m.rows(), m.cols());
  weight_view<std::remove_const_t<scalar>> result = view_matrix(writable, meaning);
  return weight_view<scalar>{result.data, result.extents, result.axes, result.rank};
}

template <class Matrix>
[[nodiscard]] constexpr layout usual_layout() {
  return layout::of_rank(Matrix::IsVectorAtCompileTime ? 1 : 2);
}

}  // namespace detail

/// Views on the user's weights. Nothing is copied; the storage must outlive the view and must not
/// be resized.
///
/// - `view(matrix)`: an Eigen matrix `out x in` (or another 2-letter layout), either storage order;
///   a vector is a bias of one axis.
/// - `view(map)`: an Eigen::Map or Ref over contiguous storage; `view(matrix.transpose())`.
/// - `view(tensor)`: an Eigen::Tensor or TensorMap of rank 1 to 5, either storage order.
/// - `view(pointer, {64, 32, 3, 3})` and `view(values, {64, 32, 3, 3})`: raw row-major storage,
/// std::vector or std::span.
///
/// The scalar may be named for raw storage: `view<const float>(pointer, {64, 32})`; the `int` of
/// the overloads for matrices keeps them out of such calls. The optional last argument says what
/// the axes mean, "OIHW" by default. `const` storage gives a read-only view.
/// @throws shape_error (bad_layout, shape_mismatch, not_contiguous), argument_error (null_storage)
template <int = 0, class Derived>
[[nodiscard]] auto view(Eigen::PlainObjectBase<Derived>& matrix,
                        layout meaning = detail::usual_layout<Derived>()) {
  return detail::view_matrix(matrix.derived(), meaning);
}
template <int = 0, class Derived>
[[nodiscard]] auto view(const Eigen::PlainObjectBase<Derived>& matrix,
                        layout meaning = detail::usual_layout<Derived>()) {
  return detail::view_matrix(matrix.derived(), meaning);
}
/// A temporary matrix would dangle.
template <int = 0, class Derived>
void view(const Eigen::PlainObjectBase<Derived>&&, auto...) = delete;

/// Maps, Refs and blocks do not own: temporary ones are welcome, strided ones are not.
template <int = 0, class Derived>
[[nodiscard]] auto view(const Eigen::MapBase<Derived, Eigen::ReadOnlyAccessors>& map,
                        layout meaning = detail::usual_layout<Derived>()) {
  return detail::view_borrowed(map.derived(), meaning);
}
/// The transpose of a matrix or map that outlives the view: the same memory, the axes exchanged.
template <int = 0, class Matrix>
[[nodiscard]] auto view(const Eigen::Transpose<Matrix>& transpose,
                        layout meaning = detail::usual_layout<Eigen::Transpose<Matrix>>()) {
  static_assert(
      bool(Eigen::internal::traits<Eigen::Transpose<Matrix>>::Flags & Eigen::DirectAccessBit),
      "prunus::view: the transpose of an expression has no storage; evaluate it first");
  return detail::view_borrowed(transpose, meaning);
}

template <detail::eigen_tensor Tensor>
[[nodiscard]] auto view(Tensor& tensor, layout meaning = layout::of_rank(Tensor::NumIndices)) {
  using scalar = std::remove_reference_t<decltype(*tensor.data())>;
  constexpr auto rank = static_cast<std::size_t>(Tensor::NumIndices);
  const std::array<Index, rank> shape =
      detail::extents_of(tensor, std::make_index_sequence<rank>());
  return detail::checked_view<scalar>(tensor.data(), shape, meaning,
                                      int(Tensor::Layout) == int(Eigen::RowMajor));
}
/// A temporary tensor would dangle; a temporary TensorMap does not.
template <class Tensor>
  requires detail::eigen_tensor<Tensor> &&(!std::is_lvalue_reference_v<Tensor>)auto view(
      Tensor&& tensor, layout meaning = layout::of_rank(Tensor::NumIndices)) {
    static_assert(!detail::owning_tensor<Tensor>,
                  "prunus::view: a temporary tensor would dangle; give it a name first");
    return view(tensor, meaning);
  }

  template <class S>
    requires weight_scalar<std::remove_const_t<S>>
  [[nodiscard]] weight_view<S> view(S* data, std::span<const Index> shape, layout meaning) {
    return detail::checked_view<S>(data, shape, meaning, true);
  }
  template <class S>
    requires weight_scalar<std::remove_const_t<S>>
  [[nodiscard]] weight_view<S> view(S* data, std::initializer_list<Index> shape) {
    return detail::checked_view<S>(data, std::span(shape.begin(), shape.size()),
                                   layout::of_rank(static_cast<int>(shape.size())), true);
  }
  template <class S>
    requires weight_scalar<std::remove_const_t<S>>
  [[nodiscard]] weight_view<S> view(S* data, std::initializer_list<Index> shape, layout meaning) {
    return detail::checked_view<S>(data, std::span(shape.begin(), shape.size()), meaning, true);
  }

  template <class Values>
    requires detail::contiguous_values<std::remove_reference_t<Values>>
  [[nodiscard]] auto view(Values&& values, std::initializer_list<Index> shape, layout meaning) {
    static_assert(
        std::is_lvalue_reference_v<Values> || detail::is_span<std::remove_cvref_t<Values>>,
        "prunus::view: a temporary container would dangle; give it a name first");
    const std::span<const Index> extents(shape.begin(), shape.size());
    if (detail::product_of(extents) != static_cast<Index>(values.size()))
      throw shape_error(errc::shape_mismatch,
                        detail::concat("view: a shape of ", detail::joined_extents(extents),
                                       " does not hold the ", values.size(),
                                       " elements of the storage; they must agree"));
    return view(values.data(), shape, meaning);
  }
  template <class Values>
    requires detail::contiguous_values<std::remove_reference_t<Values>>
  [[nodiscard]] auto view(Values&& values, std::initializer_list<Index> shape) {
    return view(std::forward<Values>(values), shape,
                layout::of_rank(static_cast<int>(shape.size())));
  }
  /// Values without a shape are one axis, a bias.
  template <class Values>
    requires detail::contiguous_values<std::remove_reference_t<Values>>
  [[nodiscard]] auto view(Values&& values) {
    const Index size = static_cast<Index>(values.size());
    return view(std::forward<Values>(values), {size}, "O");
  }

}  // namespace v0
}  // namespace prunus
