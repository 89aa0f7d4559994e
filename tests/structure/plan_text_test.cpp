// SPDX-License-Identifier: MIT
#include <prunus/structure/plan_text.hpp>

#include "support/catch.hpp"
#include "support/errors.hpp"

#include <limits>
#include <string>
#include <string_view>

namespace {

using prunus::errc;
using prunus::keep_reason;
using prunus::plan;

/// A plan with every kind of record and with names that need care.
plan example() {
  plan p;
  p.before = {4089184256, 25557032, 102440608};
  p.after = {1, 2, 3};
  p.removed.push_back(
      {"conv \"1\"", 3, plan::removal_reason::unread, "dropping a\nb\\n:3 drops nothing else"});
  p.removed.push_back({"conv1", 0, plan::removal_reason::constant, ""});
  p.removed.push_back({"conv1", 1, plan::removal_reason::requested, "x"});
  p.slices.push_back({"conv1.weight", {64, 32, 3, 3}, {0, 5, 63}, {31}});
  p.slices.push_back({"conv1.bias", {64, 1, 1, 1}, {0, 5, 63}, {}});
  p.folds.push_back(
      {"relu1", 3, 0.1, "conv2", 2, plan::receiver::running_mean, "bn2.running_mean"});
  p.folds.push_back({"relu1", 4, -std::numeric_limits<double>::denorm_min(), "conv2", 1,
                     plan::receiver::new_bias, "c"});
  p.folds.push_back({"", 4, 1e300, "", 1, plan::receiver::bias, ""});
  p.new_tensors.push_back({"conv2.bias", "conv2", 61});
  p.kept.push_back({"conv1", 7, keep_reason::input_of_network, "image"});
  p.approximations.push_back({"relu1", 9, "conv2"});
  return p;
}
errc code_of(std::string_view text) {
  return support::code_of<prunus::file_error>([&] { (void)prunus::load_plan(text); });
}
std::string replaced(std::string text, std::string_view what, std::string_view with) {
  const std::size_t at = text.find(what);
  REQUIRE(at != text.npos);
  return text.replace(at, what.size(), with);
}

}  // namespace

TEST_CASE("a saved plan reads back as the same plan", "[structure][plan]") {
  CHECK(prunus::load_plan(prunus::save_plan(example())) == example());
  CHECK(prunus::load_plan(prunus::save_plan(plan{})) == plan{});
}

TEST_CASE("the text of a plan starts with its kind and version and is stable",
          "[structure][plan]") {
  plan p;
  p.before = {10, 9, 8};
  p.slices.push_back({"fc.weight", {4, 3, 1, 1}, {1, 2}, {}});
  p.folds.push_back({"relu1", 3, 0.25, "fc", 1, plan::receiver::bias, "fc.bias"});
  CHECK(prunus::save_plan(p) ==
        "prunus-plan 1\n"
        "before 10 9 8\n"
        "after 0 0 0\n"
        "slice \"fc.weight\" 4 3 1 1 2 1 2 0\n"
        "fold \"relu1\" 3 0.25 \"fc\" 1 bias \"fc.bias\"\n"
        "end\n");
}

TEST_CASE("a plan that stops anywhere is truncated", "[structure][plan]") {
  const std::string text = prunus::save_plan(example());
  for (std::size_t size = 0; size < text.size(); ++size) {
    CAPTURE(size);
    const errc code = code_of(std::string_view(text).substr(0, size));
    CHECK(code == errc::truncated);
  }
}

TEST_CASE("damaged plans are malformed", "[structure][plan]") {
  const std::string text = prunus::save_plan(example());
  CHECK(code_of("") == errc::truncated);
  CHECK(code_of("a picture of a tree") == errc::malformed);
  CHECK(code_of(replaced(text, "plan 1", "plan 2")) == errc::malformed);
  CHECK(code_of(replaced(text, "plan 1", "plan 10")) == errc::malformed);
  CHECK(code_of(text + "more\n") == errc::malformed);
  CHECK(code_of(replaced(text, "unread", "undead")) == errc::malformed);
  CHECK(code_of(replaced(text, "slice", "slide")) == errc::malformed);
  CHECK(code_of(replaced(text, "3 0 5 63", "3 0 5 64")) == errc::malformed);   // beyond the axis
  CHECK(code_of(replaced(text, "3 0 5 63", "3 0 5 5")) == errc::malformed);    // not ascending
  CHECK(code_of(replaced(text, "3 0 5 63", "3 0 -5 63")) == errc::malformed);  // negative
  CHECK(code_of(replaced(text, "3 0 5 63", "9 0 5 63")) ==
        errc::malformed);  // fewer than announced
  CHECK(code_of(replaced(text, "64 32 3 3", "64 32 0 3")) == errc::malformed);
  CHECK(code_of(replaced(text, "64 32 3 3", "3 32 3 3")) == errc::malformed);  // nothing would stay
  CHECK(code_of(replaced(text, "0.1", "0.1x")) == errc::malformed);
  CHECK(code_of(replaced(text, "\"relu1\" 3", "relu1 3")) == errc::malformed);
  CHECK(code_of(replaced(text, "\"conv2\" 2 running", "\"conv2\" 0 running")) == errc::malformed);
  CHECK(code_of(replaced(text, "after 1 2 3", "after 1 2 3 4")) == errc::malformed);
  CHECK(code_of(replaced(text, "after 1 2 3", "after 1 2 99999999999999999999")) ==
        errc::malformed);
  CHECK(code_of(replaced(text, "\"x\"", "\"x")) == errc::malformed);
}
