// SPDX-License-Identifier: MIT
#include <prunus/core/error.hpp>

#include "support/catch.hpp"

#include <cstdint>      // std::int64_t, std::uint8_t
#include <stdexcept>    // std::runtime_error
#include <string>       // std::string
#include <string_view>  // std::string_view
#include <type_traits>  // std::is_*

namespace {

using prunus::errc;
using prunus::detail::concat;

constexpr int number(errc code) { return static_cast<int>(code); }

}  // namespace

TEST_CASE("error codes keep their numbers", "[core][error]") {
  CHECK(number(errc::out_of_range) == 101);
  CHECK(number(errc::duplicate_name) == 102);
  CHECK(number(errc::unknown_name) == 103);
  CHECK(number(errc::overlapping_storage) == 104);
  CHECK(number(errc::null_storage) == 105);
  CHECK(number(errc::empty_model) == 106);
  CHECK(number(errc::unreachable_target) == 107);
  CHECK(number(errc::unsupported) == 108);
  CHECK(number(errc::shape_mismatch) == 201);
  CHECK(number(errc::bad_layout) == 202);
  CHECK(number(errc::not_contiguous) == 203);
  CHECK(number(errc::not_finite) == 301);
  CHECK(number(errc::step_backwards) == 401);
  CHECK(number(errc::wrong_order) == 402);
  CHECK(number(errc::cycle) == 501);
  CHECK(number(errc::bad_node) == 502);
  CHECK(number(errc::cannot_open) == 601);
  CHECK(number(errc::truncated) == 602);
  CHECK(number(errc::malformed) == 603);
}

TEMPLATE_TEST_CASE("every error is caught by its own type, by prunus::error and by std",
                   "[core][error]", prunus::argument_error, prunus::shape_error,
                   prunus::value_error, prunus::state_error, prunus::graph_error,
                   prunus::file_error) {
  STATIC_REQUIRE(std::is_base_of_v<prunus::error, TestType>);
  STATIC_REQUIRE(std::is_base_of_v<std::runtime_error, TestType>);

  const auto fail = [] { throw TestType(errc::malformed, "plan: line 3 is damaged"); };
  CHECK_THROWS_AS(fail(), TestType);
  CHECK_THROWS_AS(fail(), prunus::error);
  CHECK_THROWS_AS(fail(), std::runtime_error);
}

TEST_CASE("an error carries its code and its message unchanged", "[core][error]") {
  const std::string message = "view: expected 4 axes, got 5";
  const prunus::shape_error thrown(errc::shape_mismatch, message);
  const prunus::error& caught = thrown;

  CHECK(caught.code() == errc::shape_mismatch);
  CHECK(caught.what() == message);
  STATIC_REQUIRE(noexcept(caught.code()));
  STATIC_REQUIRE(std::is_nothrow_copy_constructible_v<prunus::shape_error>);
}

TEST_CASE("errors of one kind are not caught as another", "[core][error]") {
  STATIC_REQUIRE(!std::is_convertible_v<prunus::shape_error*, prunus::argument_error*>);
  STATIC_REQUIRE(!std::is_convertible_v<prunus::argument_error*, prunus::shape_error*>);
  STATIC_REQUIRE(!std::is_convertible_v<prunus::file_error*, prunus::graph_error*>);
  CHECK_THROWS_AS([] { throw prunus::value_error(errc::not_finite, "scores"); }(),
                  prunus::value_error);
}

TEST_CASE("messages are put together from texts, characters and numbers", "[core][error]") {
  const std::string name = "conv1.weight";
  const std::string_view role = "scores";
  CHECK(concat().empty());
  CHECK(concat(name, ": expected ", 64, ' ', role, ", got ", std::int64_t{32}) ==
        "conv1.weight: expected 64 scores, got 32");
  CHECK(concat(std::int64_t{-9007199254740993}) == "-9007199254740993");
  CHECK(concat(std::uint8_t{200}) == "200");  // a number, not a character
}

TEST_CASE("numbers in messages end with their last digit that counts", "[core][error]") {
  CHECK(concat(0.5) == "0.5");
  CHECK(concat(2.0) == "2");
  CHECK(concat(0.0) == "0");
  CHECK(concat(100.0) == "100");
  CHECK(concat(-1.25F) == "-1.25");
  CHECK(concat(100) == "100");  // an integer keeps its zeros
}
