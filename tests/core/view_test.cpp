// SPDX-License-Identifier: MIT
#include <prunus/core/view.hpp>

#include "support/catch.hpp"
#include "support/errors.hpp"

#include <unsupported/Eigen/CXX11/Tensor>

#include <array>        // std::array
#include <span>         // std::span
#include <type_traits>  // std::is_convertible_v, std::is_same_v
#include <vector>       // std::vector

namespace {

using Eigen::Index;
using prunus::argument_error;
using prunus::axis;
using prunus::errc;
using prunus::shape_error;
using prunus::view;
using prunus::weight_view;
using support::code_of;

using axes = std::array<axis, 4>;
using extents = std::array<Index, 4>;

template <class S, int Rank>
using row_major = Eigen::Tensor<S, Rank, Eigen::RowMajor>;
template <class S, int Rank>
using column_major = Eigen::Tensor<S, Rank, Eigen::ColMajor>;

/// Every position of the view is the very element of the tensor that `letters` say, and nothing was
/// copied: checked by address.
template <class Tensor>
bool shows_every_element(Tensor& tensor, prunus::layout meaning) {
  const auto w = view(tensor, meaning);
  const std::string_view letters = meaning.text();
  const auto along = [&](char letter) {
    const std::size_t k = letters.find(letter);
    return k == letters.npos ? Index{1} : static_cast<Index>(tensor.dimension(k));
  };
  if (w.data != tensor.data()) return false;
  std::array<Index, 4> at{};
  Index seen = 0;
  for (Index o = 0; o < along('O'); ++o)
    for (Index i = 0; i < along('I'); ++i)
      for (Index h = 0; h < along('H'); ++h)
        for (Index x = 0; x < along('W'); ++x) {
          for (std::size_t k = 0; k < 4; ++k)
            at[k] = letters[k] == 'O' ? o : letters[k] == 'I' ? i : letters[k] == 'H' ? h : x;
          if (&w(o, i, h, x) != &tensor(at)) return false;
          ++seen;
        }
  return seen == w.size() && seen == tensor.size();
}

}  // namespace

TEST_CASE("a view shows the elements of a 4-D tensor in every layout and storage order",
          "[core][view]") {
  for (const char* letters : {"OIHW", "HWIO", "OHWI", "IOHW", "WHIO", "IWOH"}) {
    CAPTURE(letters);
    const prunus::layout meaning = prunus::layout::parse(letters);
    row_major<float, 4> by_rows(2, 3, 4, 5);
    column_major<double, 4> by_columns(5, 2, 4, 3);
    CHECK(shows_every_element(by_rows, meaning));
    CHECK(shows_every_element(by_columns, meaning));
    const row_major<float, 4>& read_only = by_rows;
    CHECK(shows_every_element(read_only, meaning));
  }
}

TEST_CASE("a view states the axes in memory order", "[core][view]") {
  row_major<float, 4> pytorch(8, 4, 3, 2), keras(3, 2, 4, 8);
  column_major<float, 4> reversed(8, 4, 3, 2);

  CHECK(view(pytorch).extents == extents{8, 4, 3, 2});
  CHECK(view(pytorch).axes == axes{axis::out, axis::in, axis::height, axis::width});
  CHECK(view(keras, "HWIO").extents == extents{3, 2, 4, 8});
  CHECK(view(keras, "HWIO").axes == axes{axis::height, axis::width, axis::in, axis::out});
  CHECK(view(reversed).extents == extents{2, 3, 4, 8});
  CHECK(view(reversed).axes == axes{axis::width, axis::height, axis::in, axis::out});

  const auto w = view(keras, "HWIO");
  CHECK(w.rank == 4);
  CHECK(w.size() == 192);
  CHECK(w.extent(axis::out) == 8);
  CHECK(w.stride(axis::out) == 1);
  CHECK(w.stride(axis::in) == 8);
  CHECK(w.stride(axis::width) == 32);
  CHECK(w.stride(axis::height) == 64);
  CHECK(w.position(axis::in) == 2);
}

TEST_CASE("writing through a view writes the tensor", "[core][view]") {
  row_major<float, 4> tensor(2, 2, 2, 2);
  tensor.setZero();
  view(tensor, "HWIO")(1, 0, 1, 0) = 3;  // out 1, in 0, height 1, width 0
  CHECK(tensor(1, 0, 0, 1) == 3);

  Eigen::MatrixXd matrix = Eigen::MatrixXd::Zero(3, 4);
  view(matrix)(2, 1) = 7;
  CHECK(matrix(2, 1) == 7);
  CHECK(matrix.sum() == 7);
}

TEST_CASE("tensors of rank 1 to 5 are viewed, missing axes have extent 1", "[core][view]") {
  row_major<float, 1> bias(6);
  row_major<float, 2> dense(6, 5);
  row_major<float, 3> sequence(6, 5, 4);
  row_major<float, 5> volume(6, 5, 4, 3, 2);
  CHECK(view(bias).extents == extents{1, 1, 1, 6});
  CHECK(view(bias).axes == axes{axis::in, axis::height, axis::width, axis::out});
  CHECK(view(dense).extents == extents{1, 1, 6, 5});
  CHECK(view(dense).axes == axes{axis::height, axis::width, axis::out, axis::in});
  CHECK(view(sequence).extents == extents{1, 6, 5, 4});
  CHECK(view(sequence).axes == axes{axis::height, axis::out, axis::in, axis::width});
  CHECK(view(volume).extents == extents{6, 5, 12, 2});  // depth and height are one axis
  CHECK(view(bias).rank == 1);
  CHECK(view(volume).rank == 5);
  CHECK(&view(volume)(5, 4, 1 * 3 + 2, 1) == &volume(5, 4, 1, 2, 1));
}

TEST_CASE("depth merges with height in column-major storage, too", "[core][view]") {
  column_major<float, 5> volume(6, 5, 4, 3, 2);
  const auto w = view(volume);
  CHECK(w.extents == extents{2, 12, 5, 6});
  CHECK(w.axes == axes{axis::width, axis::height, axis::in, axis::out});
  // Along a column-major axis depth runs faster than height.
  CHECK(&w(5, 4, 2 * 4 + 1, 1) == &volume(5, 4, 1, 2, 1));

  row_major<float, 5> keras(4, 3, 2, 5, 6);
  CHECK(view(keras, "DHWIO").extents == extents{12, 2, 5, 6});
}

TEST_CASE("matrices of either storage order are viewed without a copy", "[core][view]") {
  Eigen::MatrixXf by_columns(3, 4);
  Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor> by_rows(3, 4);
  Eigen::Matrix<double, 2, 5> fixed;
  Eigen::ArrayXXf array(3, 4);
  for (Index o = 0; o < 3; ++o)
    for (Index i = 0; i < 4; ++i) {
      CHECK(&view(by_columns)(o, i) == &by_columns(o, i));
      CHECK(&view(by_rows)(o, i) == &by_rows(o, i));
      CHECK(&view(array)(o, i) == &array(o, i));
      CHECK(&view(by_rows, "IO")(i, o) == &by_rows(o, i));
    }
  CHECK(view(by_columns).extents == extents{1, 1, 4, 3});
  CHECK(view(by_columns).axes == axes{axis::height, axis::width, axis::in, axis::out});
  CHECK(view(by_rows).extents == extents{1, 1, 3, 4});
  CHECK(view(by_rows).axes == axes{axis::height, axis::width, axis::out, axis::in});
  CHECK(view(fixed).extent(axis::out) == 2);
  CHECK(view(fixed).extent(axis::in) == 5);
}

TEST_CASE("vectors are biases of one axis", "[core][view]") {
  Eigen::VectorXf column(7);
  Eigen::RowVectorXd row(5);
  CHECK(view(column).rank == 1);
  CHECK(view(column).extent(axis::out) == 7);
  CHECK(view(row).rank == 1);
  CHECK(view(row).extent(axis::out) == 5);
  CHECK(&view(row)(3) == &row(3));
  CHECK(view(column, "OI").extent(axis::out) == 7);  // a matrix of one column, when asked for
  CHECK(view(row, "OI").extent(axis::in) == 5);
  CHECK(view(row, "I").extent(axis::in) == 5);
}

TEST_CASE("maps, refs, blocks and tensor maps are viewed where they are contiguous",
          "[core][view]") {
  std::vector<float> storage(24);
  Eigen::Map<Eigen::MatrixXf> map(storage.data(), 4, 6);
  CHECK(view(map).data == storage.data());
  CHECK(&view(map)(3, 5) == &storage[23]);
  CHECK(view(Eigen::Map<Eigen::MatrixXf>(storage.data(), 4, 6)).data == storage.data());

  Eigen::MatrixXf matrix(4, 6);
  Eigen::Ref<Eigen::MatrixXf> ref(matrix);
  CHECK(&view(ref)(2, 1) == &matrix(2, 1));
  CHECK(view(matrix.leftCols(3)).data == matrix.data());
  CHECK(&view(matrix.middleCols(2, 2))(1, 1) == &matrix(1, 3));
  CHECK(&view(matrix.col(3))(2) == &matrix(2, 3));
  CHECK(&view(matrix.block(1, 2, 3, 1))(2) == &matrix(3, 2));  // a part of one column is one run

  Eigen::TensorMap<row_major<float, 4>> tensor_map(storage.data(), 2, 3, 2, 2);
  CHECK(&view(tensor_map)(1, 2, 1, 1) == &storage[23]);
  CHECK(view(Eigen::TensorMap<row_major<float, 4>>(storage.data(), 2, 3, 2, 2)).data ==
        storage.data());
  Eigen::TensorFixedSize<float, Eigen::Sizes<2, 3>, Eigen::RowMajor> fixed;
  CHECK(&view(fixed)(1, 2) == &fixed(1, 2));
}

TEST_CASE("strided storage is refused", "[core][view]") {
  Eigen::MatrixXf matrix(4, 6);
  std::vector<float> storage(24);
  using strided = Eigen::Map<Eigen::VectorXf, 0, Eigen::InnerStride<2>>;
  CHECK(code_of<shape_error>([&] { (void)view(matrix.topRows(2)); }) == errc::not_contiguous);
  CHECK(code_of<shape_error>([&] { (void)view(matrix.row(1)); }) == errc::not_contiguous);
  CHECK(code_of<shape_error>([&] { (void)view(strided(storage.data(), 12)); }) ==
        errc::not_contiguous);
}

TEST_CASE("raw pointers, vectors and spans are viewed with a shape", "[core][view]") {
  std::vector<double> storage(24);
  const auto from_pointer = view(storage.data(), {2, 3, 2, 2});
  CHECK(from_pointer.axes == axes{axis::out, axis::in, axis::height, axis::width});
  CHECK(&from_pointer(1, 2, 1, 1) == &storage[23]);
  CHECK(&view(storage, {2, 2, 3, 2}, "HWIO")(1, 2, 1, 1) == &storage[23]);
  CHECK(view(std::span<double>(storage), {4, 6}).extent(axis::in) == 6);
  CHECK(view(storage).rank == 1);
  CHECK(view(storage).extent(axis::out) == 24);
  std::array<float, 6> fixed{};
  CHECK(view(fixed, {2, 3}).data == fixed.data());
  const std::array<Index, 2> shape{4, 6};
  CHECK(view(storage.data(), std::span<const Index>(shape), "IO").extent(axis::out) == 6);
}

TEST_CASE("const storage gives read-only views", "[core][view]") {
  row_major<float, 2> tensor(2, 3);
  Eigen::MatrixXf matrix(2, 3);
  std::vector<float> values(6);
  const auto& const_tensor = tensor;
  const auto& const_matrix = matrix;
  const auto& const_values = values;
  using writable = weight_view<float>;
  using read_only = weight_view<const float>;
  STATIC_REQUIRE(std::is_same_v<decltype(view(tensor)), writable>);
  STATIC_REQUIRE(std::is_same_v<decltype(view(matrix)), writable>);
  STATIC_REQUIRE(std::is_same_v<decltype(view(matrix.col(0))), writable>);
  STATIC_REQUIRE(std::is_same_v<decltype(view(values, {2, 3})), writable>);
  STATIC_REQUIRE(std::is_same_v<decltype(view(const_tensor)), read_only>);
  STATIC_REQUIRE(std::is_same_v<decltype(view(const_matrix)), read_only>);
  STATIC_REQUIRE(std::is_same_v<decltype(view(const_matrix.col(0))), read_only>);
  STATIC_REQUIRE(std::is_same_v<decltype(view(const_values, {2, 3})), read_only>);
  Eigen::Map<const Eigen::MatrixXf> const_map(values.data(), 2, 3);
  STATIC_REQUIRE(std::is_same_v<decltype(view(const_map)), read_only>);
  STATIC_REQUIRE(std::is_convertible_v<writable, read_only>);
  STATIC_REQUIRE_FALSE(std::is_convertible_v<read_only, writable>);
  CHECK(view(const_matrix).data == matrix.data());
  CHECK(read_only(view(matrix)).same_shape(view(matrix)));
}

TEMPLATE_TEST_CASE("all weight scalars are viewed", "[core][view]", float, double, Eigen::half,
                   Eigen::bfloat16) {
  row_major<TestType, 4> tensor(2, 3, 2, 2);
  Eigen::Matrix<TestType, Eigen::Dynamic, Eigen::Dynamic> matrix(2, 3);
  std::vector<TestType> values(6);
  view(tensor)(1, 2, 1, 1) = TestType(2);
  view(matrix)(1, 2) = TestType(3);
  view(values, {2, 3})(1, 2) = TestType(4);
  CHECK(static_cast<float>(tensor(1, 2, 1, 1)) == 2);
  CHECK(static_cast<float>(matrix(1, 2)) == 3);
  CHECK(static_cast<float>(values[5]) == 4);
}

TEST_CASE("wrong shapes, layouts and null pointers are refused by code", "[core][view]") {
  row_major<float, 4> tensor(2, 3, 2, 2);
  Eigen::MatrixXf matrix(2, 3), empty(0, 3);
  std::vector<float> values(6);
  float* nothing = nullptr;
  CHECK(code_of<shape_error>([&] { (void)view(tensor, "OI"); }) == errc::bad_layout);
  CHECK(code_of<shape_error>([&] { (void)view(matrix, "OIHW"); }) == errc::bad_layout);
  CHECK(code_of<shape_error>([&] { (void)view(values, {2, 3}, "OIW"); }) == errc::bad_layout);
  CHECK(code_of<shape_error>([&] { (void)view(empty); }) == errc::shape_mismatch);
  CHECK(code_of<shape_error>([&] { (void)view(values.data(), {2, -3}); }) == errc::shape_mismatch);
  CHECK(code_of<argument_error>([&] { (void)view(nothing, {2, 3}); }) == errc::null_storage);

  const support::thrown wrong = support::error_of<shape_error>([&] { (void)view(values, {2, 4}); });
  CHECK(wrong.code == errc::shape_mismatch);
  CHECK(wrong.says("2 x 4"));
  CHECK(wrong.says("6"));
}

TEST_CASE("shapes of more elements than can be counted are refused", "[core][view]") {
  std::vector<float> values(6), none;
  constexpr Index big = Index{1} << 32;
  for (const support::thrown& error : {support::error_of<shape_error>([&] {
                                         (void)view(values.data(), {big, big});
                                       }),
                                       support::error_of<shape_error>([&] {
                                         (void)view(values, {big, big, 6});
                                       }),
                                       support::error_of<shape_error>([&] {
                                         (void)view(none, {big, big});
                                       })}) {  // 2^64 is 0
    CAPTURE(error.message);
    CHECK(error.code == errc::shape_mismatch);
    CHECK(error.says("4294967296 x 4294967296"));
  }
  CHECK(code_of<shape_error>([&] { (void)view(values, {-2, -3}); }) == errc::shape_mismatch);
}

TEST_CASE("a view is a plain value that gains const and never loses it", "[core][view]") {
  STATIC_REQUIRE(std::is_trivially_copyable_v<weight_view<float>>);
  STATIC_REQUIRE(std::is_trivially_destructible_v<weight_view<const double>>);
  STATIC_REQUIRE(std::is_convertible_v<weight_view<float>, weight_view<const float>>);
  STATIC_REQUIRE_FALSE(std::is_constructible_v<weight_view<float>, weight_view<const float>>);
  STATIC_REQUIRE_FALSE(std::is_constructible_v<weight_view<const double>, weight_view<float>>);

  row_major<float, 4> tensor(3, 2, 4, 8);
  const weight_view<float> w = view(tensor, "HWIO");
  const weight_view<const float> seen = w;
  for (const axis a : {axis::out, axis::in, axis::height, axis::width})
    CHECK(seen.stride(a) == w.stride(a));
  CHECK(&seen(7, 3, 2, 1) == &tensor(2, 1, 3, 7));
}

TEST_CASE("an empty view has no weights", "[core][view]") {
  STATIC_REQUIRE(weight_view<float>{}.size() == 0);
  STATIC_REQUIRE(weight_view<float>{}.empty());
}

TEST_CASE("a shape is described in memory order with the names of its axes", "[core][view]") {
  row_major<float, 4> tensor(3, 2, 4, 8);
  Eigen::MatrixXf matrix(5, 7);
  CHECK(describe(view(tensor, "HWIO")) == "3 x 2 x 4 x 8 (height x width x in x out)");
  CHECK(describe(view(matrix)) == "7 x 5 (in x out)");
}

TEST_CASE("views of another shape, layout or order are not of the same shape", "[core][view]") {
  row_major<float, 4> a(2, 2, 3, 3), b(2, 2, 3, 3), larger(2, 2, 3, 4);
  column_major<float, 4> other_order(2, 2, 3, 3);
  CHECK(view(a).same_shape(view(b)));
  CHECK_FALSE(view(a).same_shape(view(larger)));
  CHECK_FALSE(view(a).same_shape(view(b, "IOHW")));
  CHECK_FALSE(view(a).same_shape(view(other_order)));
}

TEST_CASE("a transpose is the same memory with the axes exchanged", "[core][view]") {
  Eigen::MatrixXf w(2, 3);
  w << 1, 2, 3, 4, 5, 6;
  const auto turned = prunus::view(w.transpose());
  static_assert(std::is_same_v<decltype(turned), const prunus::weight_view<float>>);
  CHECK(turned.data == w.data());
  CHECK(turned.extent(prunus::axis::out) == 3);
  CHECK(turned.extent(prunus::axis::in) == 2);
  CHECK(turned(2, 0) == 3);
  CHECK(turned(0, 1) == 4);
  const Eigen::MatrixXf& fixed = w;
  static_assert(
      std::is_same_v<decltype(prunus::view(fixed.transpose())), prunus::weight_view<const float>>);
  CHECK_THROWS_AS(prunus::view(w.topRows(1).transpose()), prunus::shape_error);
}

TEST_CASE("the scalar of a view on raw storage can be named", "[core][view]") {
  float values[6] = {1, 2, 3, 4, 5, 6};
  const auto w = prunus::view<const float>(values, {2, 3});
  static_assert(std::is_same_v<decltype(w), const prunus::weight_view<const float>>);
  CHECK(w(1, 2) == 6);
  CHECK(prunus::view<const float>(values, {2, 3}, "IO")(2, 1) == 6);
}
