// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/axis.hpp>
#include <prunus/core/error.hpp>
#include <prunus/core/view.hpp>

#include <Eigen/Core>

#include <algorithm>    // std::transform
#include <array>        // std::array
#include <cstddef>      // std::size_t
#include <span>         // std::span
#include <string>       // std::string
#include <string_view>  // std::string_view
#include <type_traits>  // std::is_base_of_v
#include <utility>      // std::as_const, std::make_index_sequence, std::move

namespace prunus {
inline namespace v0 {
namespace detail {

/// Matrices, vectors, arrays, maps, Refs and blocks whose elements stand in memory.
template <class T>
concept dense_destination = std::is_base_of_v<Eigen::DenseBase<T>, T> &&
                            bool(Eigen::internal::is_lvalue<T>::value) &&
                            requires(T& x) {
  {*x.data() = typename T::Scalar()};
  x.innerStride();
  x.outerStride();
};

template <class T>
concept tensor_destination = eigen_tensor<T> && requires(T& x) {
  {*x.data() = typename T::Scalar()};
};

/// Those whose elements die with them: a temporary one would lose what it was given.
template <class T>
inline constexpr bool owns_elements = owning_tensor<T>;
template <dense_destination T>
inline constexpr bool owns_elements<T> = std::is_base_of_v<Eigen::PlainObjectBase<T>, T>;

/// to[sum of position * stride] = from(out, in, height, width), where `strides` are the
/// destination's along out, in, height and width. Neighbours in both are copied as one run.
template <class S, class T>
void copy_by_meaning(const weight_view<const S>& from, T* to,
                     const std::array<Index, 4>& strides) noexcept {
  std::array<Index, 4> count = from.extents, step{};
  for (std::size_t k = 0; k < 4; ++k) step[k] = strides[static_cast<std::size_t>(from.axes[k])];
  Index run = 1;
  for (std::size_t k = 4; k-- > 0 && (count[k] == 1 || step[k] == run); count[k] = 1)
    run *= count[k];
  const S* next = from.data;
  for (Index a = 0; a < count[0]; ++a)
    for (Index b = 0; b < count[1]; ++b)
      for (Index c = 0; c < count[2]; ++c)
        for (Index d = 0; d < count[3]; ++d, next += run)
          std::transform(next, next + run,
                         to + a * step[0] + b * step[1] + c * step[2] + d * step[3],
                         [](S value) { return static_cast<T>(value); });
}

/// The extents that a destination of this layout must have to take `from`, in the order of its
/// indices; `name` is for the message.
/// @throws shape_error (bad_layout; shape_mismatch: an axis that the layout lacks is not 1)
template <class S, std::size_t Rank>
[[nodiscard]] std::array<Index, Rank> extents_for(const weight_view<const S>& from, layout meaning,
                                                  std::string_view name,
                                                  std::array<axis, Rank>& axes) {
  const std::string_view letters = meaning.text();
  if (letters.size() != Rank || letters.find('D') != letters.npos)
    throw shape_error(errc::bad_layout,
                      concat(name, ": the destination has ", Rank, " axes, the layout is \"",
                             letters, "\"; pass one letter of O, I, H, W for each axis"));
  std::array<Index, Rank> extents{};
  Index size = 1;
  for (std::size_t k = 0; k < Rank; ++k) {
    axes[k] = letters[k] == 'O'   ? axis::out
              : letters[k] == 'I' ? axis::in
              : letters[k] == 'H' ? axis::height
                                  : axis::width;
    extents[k] = from.extent(axes[k]);
    size *= extents[k];
  }
  if (size != from.size())
    throw shape_error(errc::shape_mismatch,
                      concat(name, " is ", describe(from), "; a destination of layout \"", letters,
                             "\" has no place for all of it"));
  return extents;
}

template <class S, std::size_t Rank>
[[noreturn]] void refuse_destination(const weight_view<const S>& from, std::string_view name,
                                     layout meaning, const std::array<Index, Rank>& needed,
                                     const std::array<Index, Rank>& found) {
  const auto text = [](const std::array<Index, Rank>& extents) {
    std::string result;
    for (const Index e : extents) result += concat(result.empty() ? "" : " x ", e);
    return result;
  };
  throw shape_error(errc::shape_mismatch,
                    concat(name, " is ", describe(from), ": the destination must be ", text(needed),
                           " (", meaning.text(), "), it is ", text(found)));
}

/// Fills a vector or a matrix.
template <class S, dense_destination X>
void fill_from(const weight_view<const S>& from, X& x, layout meaning, std::string_view name) {
  using scalar = typename X::Scalar;
  std::array<Index, 4> strides{};
  const auto shape = [&](Index rows, Index columns, const auto& needed, const auto& found) {
    const auto fits = [](Index extent, int fixed, int most) {
      return fixed == Eigen::Dynamic ? most == Eigen::Dynamic || extent <= most : extent == fixed;
    };
    if (x.rows() == rows && x.cols() == columns) return;
    if constexpr (owns_elements<X>)
      if (fits(rows, X::RowsAtCompileTime, X::MaxRowsAtCompileTime) &&
          fits(columns, X::ColsAtCompileTime, X::MaxColsAtCompileTime)) {
        X resized;  // what is there stays when there is no memory
        resized.resize(rows, columns);
        x = std::move(resized);
        return;
      }
    refuse_destination(from, name, meaning, needed, found);
  };
  if (bool(X::IsVectorAtCompileTime) && meaning.rank() == 1) {
    std::array<axis, 1> axes{};
    const auto needed = extents_for<S, 1>(from, meaning, name, axes);
    const bool row = X::RowsAtCompileTime == 1;
    shape(row ? 1 : needed[0], row ? needed[0] : 1, needed, std::array{Index{x.size()}});
    strides[static_cast<std::size_t>(axes[0])] = x.innerStride();
  } else {
    std::array<axis, 2> axes{};
    const auto needed = extents_for<S, 2>(from, meaning, name, axes);
    shape(needed[0], needed[1], needed, std::array{Index{x.rows()}, Index{x.cols()}});
    const bool by_rows = bool(X::IsRowMajor);
    strides[static_cast<std::size_t>(axes[0])] = by_rows ? x.outerStride() : x.innerStride();
    strides[static_cast<std::size_t>(axes[1])] = by_rows ? x.innerStride() : x.outerStride();
  }
  copy_by_meaning<S, scalar>(from, x.data(), strides);
}

/// Fills a tensor.
template <class S, tensor_destination X>
void fill_from(const weight_view<const S>& from, X& x, layout meaning, std::string_view name) {
  using scalar = typename X::Scalar;
  constexpr auto rank = static_cast<std::size_t>(X::NumIndices);
  std::array<axis, rank> axes{};
  const auto needed = extents_for<S, rank>(from, meaning, name, axes);
  const auto found = [&] { return extents_of(x, std::make_index_sequence<rank>()); };
  if (found() != needed) {
    std::array<typename X::Index, rank> extents{};
    for (std::size_t k = 0; k < rank; ++k) extents[k] = static_cast<typename X::Index>(needed[k]);
    if constexpr (requires { x.resize(std::as_const(extents)); }) {
      X resized;  // what is there stays when there is no memory
      resized.resize(std::as_const(extents));
      x = std::move(resized);
    }
    if (found() != needed) refuse_destination(from, name, meaning, needed, found());
  }
  std::array<Index, 4> strides{};
  Index stride = 1;
  for (std::size_t i = 0; i < rank; ++i) {
    const std::size_t k = int(X::Layout) == int(Eigen::RowMajor) ? rank - 1 - i : i;
    strides[static_cast<std::size_t>(axes[k])] = stride;
    stride *= needed[k];
  }
  copy_by_meaning<S, scalar>(from, x.data(), strides);
}

}  // namespace detail
}  // namespace v0
}  // namespace prunus
