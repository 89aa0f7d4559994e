// SPDX-License-Identifier: MIT
#include <prunus/core/axis.hpp>

#include "support/catch.hpp"
#include "support/errors.hpp"

#include <string>       // std::string
#include <string_view>  // std::string_view

using prunus::axis;
using prunus::errc;
using prunus::layout;
using support::code_of;

TEST_CASE("a layout keeps its letters and counts them", "[core][layout]") {
  constexpr layout keras = "HWIO";
  STATIC_REQUIRE(keras.rank() == 4);
  STATIC_REQUIRE(keras.text() == "HWIO");
  CHECK(layout::parse("OIDHW").rank() == 5);
  CHECK(layout::parse("W").text() == "W");
}

TEST_CASE("the usual layouts are those of PyTorch", "[core][layout]") {
  CHECK(layout::of_rank(1).text() == "O");
  CHECK(layout::of_rank(2).text() == "OI");
  CHECK(layout::of_rank(3).text() == "OIW");
  CHECK(layout::of_rank(4).text() == "OIHW");
  CHECK(layout::of_rank(5).text() == "OIDHW");
}

TEST_CASE("texts that are no layouts are refused", "[core][layout]") {
  for (const char* wrong : {"", "NCHW", "OO", "OIHWO", "oihw", "OIHWDX", "OIDWH", "DOIHW", "OIHD",
                            "D", "O I", "OIHWDO"}) {
    CAPTURE(wrong);
    CHECK(code_of<prunus::shape_error>([&] { (void)layout::parse(wrong); }) == errc::bad_layout);
  }
  for (int rank : {-1, 0, 6})
    CHECK(code_of<prunus::shape_error>([&] { (void)layout::of_rank(rank); }) == errc::bad_layout);
}

TEST_CASE("depth may stand wherever height follows it", "[core][layout]") {
  for (const char* right : {"OIDHW", "DHWIO", "ODHWI", "DH", "IODHW"}) {
    CAPTURE(right);
    CHECK(layout::parse(right).text() == right);
  }
}

TEST_CASE("axes have names", "[core][axis]") {
  CHECK(name_of(axis::out) == "out");
  CHECK(name_of(axis::in) == "in");
  CHECK(name_of(axis::height) == "height");
  CHECK(name_of(axis::width) == "width");
}
