// SPDX-License-Identifier: MIT
#include <prunus/core/named_tensor.hpp>

#include "support/catch.hpp"
#include "support/errors.hpp"

#include <unsupported/Eigen/CXX11/Tensor>

#include <array>        // std::array
#include <cstddef>      // std::size_t
#include <string_view>  // std::string_view

namespace {

using Eigen::Index;
using prunus::axis;
using prunus::errc;
using prunus::layout;
using prunus::named_tensor;
using prunus::shape_error;
using support::code_of;

/// What stands at a position, whatever the memory order.
float value_at(Index o, Index i, Index h, Index w) {
  return static_cast<float>(1000 * o + 100 * i + 10 * h + w);
}

/// A tensor of these extents along out, in, height and width whose memory axes stand as in `order`.
named_tensor<float> tensor(std::array<Index, 4> extents, std::string_view order) {
  named_tensor<float> t{"conv.weight", {}, {}, 4, {}};
  for (std::size_t k = 0; k < 4; ++k) {
    t.axes[k] = static_cast<axis>(std::string_view("OIHW").find(order[k]));
    t.extents[k] = extents[static_cast<std::size_t>(t.axes[k])];
  }
  t.values.resize(static_cast<std::size_t>(extents[0] * extents[1] * extents[2] * extents[3]));
  const auto all = t.view();
  for (Index o = 0; o < extents[0]; ++o)
    for (Index i = 0; i < extents[1]; ++i)
      for (Index h = 0; h < extents[2]; ++h)
        for (Index w = 0; w < extents[3]; ++w) all(o, i, h, w) = value_at(o, i, h, w);
  return t;
}

/// prunus::view reads x as a tensor of these extents made by `tensor`.
template <class X>
bool holds(const X& x, std::array<Index, 4> extents, layout meaning) {
  const auto all = prunus::view(x, meaning);
  for (std::size_t a = 0; a < 4; ++a)
    if (all.extent(static_cast<axis>(a)) != extents[a]) return false;
  for (Index o = 0; o < extents[0]; ++o)
    for (Index i = 0; i < extents[1]; ++i)
      for (Index h = 0; h < extents[2]; ++h)
        for (Index w = 0; w < extents[3]; ++w)
          if (static_cast<float>(all(o, i, h, w)) != value_at(o, i, h, w)) return false;
  return true;
}

template <int Rank, int Order>
using eigen_tensor = Eigen::Tensor<float, Rank, Order>;

constexpr std::array orders = {"OIHW", "HWIO", "OHWI", "IOHW", "WHIO", "IWOH"};

}  // namespace

TEST_CASE("a tensor fills an Eigen::Tensor of any layout and storage order by meaning",
          "[core][named_tensor]") {
  const std::array<Index, 4> extents = {2, 3, 4, 5};
  for (const char* from : orders)
    for (const char* to : orders) {
      CAPTURE(from, to);
      const named_tensor<float> t = tensor(extents, from);
      eigen_tensor<4, Eigen::RowMajor> by_rows;
      t.to(by_rows, layout::parse(to));
      CHECK(holds(by_rows, extents, layout::parse(to)));
      Eigen::Tensor<double, 4, Eigen::ColMajor, int> by_columns(1, 1, 1, 1);
      t.to(by_columns, layout::parse(to));
      CHECK(holds(by_columns, extents, layout::parse(to)));
    }
}

TEST_CASE("a tensor fills Eigen tensors of fewer axes where the others are 1",
          "[core][named_tensor]") {
  eigen_tensor<3, Eigen::ColMajor> sequence;
  tensor({3, 2, 1, 4}, "WIHO").to(sequence);
  CHECK(holds(sequence, {3, 2, 1, 4}, "OIW"));
  eigen_tensor<2, Eigen::RowMajor> matrix;
  tensor({3, 2, 1, 1}, "HWIO").to(matrix);
  CHECK(holds(matrix, {3, 2, 1, 1}, "OI"));
  eigen_tensor<1, Eigen::RowMajor> bias;
  tensor({3, 1, 1, 1}, "HWIO").to(bias);
  CHECK(holds(bias, {3, 1, 1, 1}, "O"));
}

TEST_CASE("a tensor fills matrices, arrays and vectors of either storage order",
          "[core][named_tensor]") {
  using by_rows = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  for (const char* order : {"HWOI", "HWIO", "OHIW"}) {
    CAPTURE(order);
    const std::array<Index, 4> extents = {4, 3, 1, 1};
    const named_tensor<float> t = tensor(extents, order);
    Eigen::MatrixXf columns(7, 7);
    by_rows rows;
    Eigen::ArrayXXd array;
    Eigen::Matrix<float, 3, 4> turned;
    Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::ColMajor, 5, 5> bounded;
    t.to(columns);
    t.to(rows);
    t.to(array);
    t.to(turned, "IO");
    t.to(bounded);
    CHECK(holds(columns, extents, "OI"));
    CHECK(holds(rows, extents, "OI"));
    CHECK(holds(array, extents, "OI"));
    CHECK(holds(turned, extents, "IO"));
    CHECK(holds(bounded, extents, "OI"));
  }
  const named_tensor<float> bias = tensor({5, 1, 1, 1}, "HWIO");
  Eigen::VectorXf column;
  Eigen::RowVectorXf row;
  Eigen::Array<float, 5, 1> fixed;
  bias.to(column);
  bias.to(row);
  bias.to(fixed);
  CHECK(holds(column, {5, 1, 1, 1}, "O"));
  CHECK(holds(row, {5, 1, 1, 1}, "O"));
  CHECK(holds(fixed, {5, 1, 1, 1}, "O"));
}

TEST_CASE("a tensor fills maps, Refs and strided blocks, and nothing beside them",
          "[core][named_tensor]") {
  const named_tensor<float> t = tensor({3, 2, 1, 1}, "HWOI");
  const Eigen::MatrixXf expected = [&] {
    Eigen::MatrixXf m;
    t.to(m);
    return m;
  }();
  Eigen::MatrixXf parent = Eigen::MatrixXf::Constant(6, 6, -1);
  t.to(parent.block(2, 1, 3, 2));
  CHECK(parent.block(2, 1, 3, 2) == expected);
  CHECK((parent.array() == -1).count() == 30);
  Eigen::Ref<Eigen::MatrixXf, 0, Eigen::OuterStride<>> reference = parent.topLeftCorner(3, 2);
  t.to(reference);
  CHECK(parent.topLeftCorner(3, 2) == expected);
  parent.setConstant(-1);
  t.to(parent.topLeftCorner(2, 3).transpose());
  CHECK(parent.topLeftCorner(2, 3) == expected.transpose());

  std::array<float, 6> memory{};
  t.to(Eigen::Map<Eigen::MatrixXf>(memory.data(), 3, 2));
  CHECK(Eigen::Map<const Eigen::MatrixXf>(memory.data(), 3, 2) == expected);
  Eigen::TensorMap<eigen_tensor<2, Eigen::ColMajor>> map(memory.data(), 2, 3);
  t.to(map, "IO");
  CHECK(map(1, 2) == expected(2, 1));
  Eigen::TensorFixedSize<float, Eigen::Sizes<3, 2>> fixed;
  t.to(fixed);
  CHECK(fixed(2, 1) == expected(2, 1));

  const named_tensor<float> bias = tensor({6, 1, 1, 1}, "HWIO");
  bias.to(parent.row(1));
  CHECK(parent(1, 4) == value_at(4, 0, 0, 0));
  bias.to(parent.diagonal());
  CHECK(parent(4, 4) == value_at(4, 0, 0, 0));
}

TEST_CASE("a destination that does not fit is refused and stays as it was",
          "[core][named_tensor]") {
  const named_tensor<float> t = tensor({3, 2, 1, 1}, "HWOI"),
                            filters = tensor({3, 2, 2, 1}, "OIHW");
  Eigen::MatrixXf parent = Eigen::MatrixXf::Constant(6, 6, -1);
  Eigen::Matrix2f fixed = Eigen::Matrix2f::Constant(-1);
  Eigen::VectorXf vector = Eigen::VectorXf::Constant(6, -1);
  eigen_tensor<2, Eigen::RowMajor> owner(2, 2);
  Eigen::TensorMap<eigen_tensor<2, Eigen::RowMajor>> map(parent.data(), 2, 3);
  Eigen::TensorFixedSize<float, Eigen::Sizes<2, 3>> fixed_tensor;
  CHECK(code_of<shape_error>([&] { t.to(parent.block(0, 0, 2, 3)); }) == errc::shape_mismatch);
  CHECK(code_of<shape_error>([&] { t.to(fixed); }) == errc::shape_mismatch);
  CHECK(code_of<shape_error>([&] { t.to(vector); }) == errc::shape_mismatch);
  CHECK(code_of<shape_error>([&] { t.to(map); }) == errc::shape_mismatch);
  CHECK(code_of<shape_error>([&] { t.to(fixed_tensor); }) == errc::shape_mismatch);
  CHECK(code_of<shape_error>([&] { t.to(parent, "O"); }) == errc::bad_layout);
  CHECK(code_of<shape_error>([&] { t.to(owner, "DH"); }) == errc::bad_layout);
  CHECK(code_of<shape_error>([&] { filters.to(parent); }) == errc::shape_mismatch);
  CHECK(code_of<shape_error>([&] { filters.to(owner); }) == errc::shape_mismatch);
  CHECK((parent.array() == -1).all());
  CHECK((fixed.array() == -1).all());
  CHECK((vector.array() == -1).all());
  CHECK(owner.dimension(0) == 2);

  const support::thrown wrong =
      support::error_of<shape_error>([&] { t.to(parent.block(0, 0, 2, 3)); });
  CHECK(wrong.says("conv.weight is 1 x 1 x 3 x 2"));
  CHECK(wrong.says("must be 3 x 2 (OI), it is 2 x 3"));

  named_tensor<float> damaged = t;
  damaged.values.pop_back();
  CHECK(code_of<shape_error>([&] { damaged.to(parent); }) == errc::shape_mismatch);
}
