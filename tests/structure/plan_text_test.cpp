// SPDX-License-Identifier: MIT
#include <prunus/structure/plan_text.hpp>

#include "support/archives.hpp"
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
  p.folds.push_back({"relu1", 4, -std::numeric_limits<double>::denorm_min(), "conv3", 1,
                     plan::receiver::new_bias, "conv3.bias"});
  p.folds.push_back({"", 4, 1e300, "", 1, plan::receiver::bias, ""});
  p.new_tensors.push_back({"conv3.bias", "conv3", 61});
  p.kept.push_back({"conv1", 7, keep_reason::input_of_network, "image"});
  p.approximations.push_back({"relu1", 9, "conv2"});
  p.opaque.push_back({"sort", "opaque", 5});
  return p;
}
/// With the checksum that these lines have: as who wants to do harm would write it.
std::string sealed(const std::string& text) {
  const std::string lines = text.substr(0, text.find("\nend ") + 1);
  return lines + prunus::detail::end_line(lines);
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
        "prunus-plan 2\n"
        "before 10 9 8\n"
        "after 0 0 0\n"
        "slice \"fc.weight\" 4 3 1 1 2 1 2 0\n"
        "fold \"relu1\" 3 0.25 \"fc\" 1 bias \"fc.bias\"\n"
        "end 60fa7f10\n");
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
  CHECK(code_of(replaced(text, "plan 2", "plan 1")) == errc::malformed);
  CHECK(code_of(replaced(text, "plan 2", "plan 20")) == errc::malformed);
  CHECK(code_of(text + "more\n") == errc::malformed);
  CHECK(code_of(sealed(replaced(text, "unread", "undead"))) == errc::malformed);
  CHECK(code_of(sealed(replaced(text, "slice", "slide"))) == errc::malformed);
  CHECK(code_of(sealed(replaced(text, "3 0 5 63", "3 0 5 64"))) ==
        errc::malformed);  // beyond the axis
  CHECK(code_of(sealed(replaced(text, "3 0 5 63", "3 0 5 5"))) ==
        errc::malformed);  // not ascending
  CHECK(code_of(sealed(replaced(text, "3 0 5 63", "3 0 -5 63"))) == errc::malformed);  // negative
  CHECK(code_of(sealed(replaced(text, "3 0 5 63", "9 0 5 63"))) ==
        errc::malformed);  // fewer than announced
  CHECK(code_of(sealed(replaced(text, "64 32 3 3", "64 32 0 3"))) == errc::malformed);
  CHECK(code_of(sealed(replaced(text, "64 32 3 3", "3 32 3 3"))) ==
        errc::malformed);  // nothing would stay
  CHECK(code_of(sealed(replaced(text, "0.1", "0.1x"))) == errc::malformed);
  CHECK(code_of(sealed(replaced(text, "\"relu1\" 3", "relu1 3"))) == errc::malformed);
  CHECK(code_of(sealed(replaced(text, "\"conv2\" 2 running", "\"conv2\" 0 running"))) ==
        errc::malformed);
  CHECK(code_of(sealed(replaced(text, "after 1 2 3", "after 1 2 3 4"))) == errc::malformed);
  CHECK(code_of(sealed(replaced(text, "after 1 2 3", "after 1 2 99999999999999999999"))) ==
        errc::malformed);
  CHECK(code_of(sealed(replaced(text, "\"x\"", "\"x"))) == errc::malformed);
  const auto of_fold = [&](std::string_view value) {
    return code_of(sealed(replaced(text, "0.1", value)));
  };
  for (const char* value : {"nan", "-nan", "inf", "-inf", "1e999", "0x1p3"}) {
    CAPTURE(value);
    CHECK(of_fold(value) == errc::malformed);
  }
  const auto with_line = [&](const std::string& line) {
    return code_of(sealed(replaced(text, "\nremove", "\n" + line + "\nremove")));
  };
  CHECK(with_line("note \"by hand\"") == errc::malformed);
  CHECK(with_line("") == errc::malformed);
  CHECK(with_line("before 1 2 3") == errc::malformed);
  CHECK(with_line("remove \"conv1\" 0 unread \"\"") == errc::malformed);  // once more
  CHECK(with_line("slice \"conv1.bias\" 64 1 1 1 1 0 0") == errc::malformed);
  CHECK(with_line("new \"conv3.bias\" \"conv4\" 3") == errc::malformed);
  CHECK(with_line("new \"other.bias\" \"conv3\" 3") == errc::malformed);
  CHECK(with_line("fold \"x\" 3 1 \"conv2\" 2 running_mean \"bn2.running_mean\"") ==
        errc::malformed);
  CHECK(with_line("fold \"x\" 5 1 \"conv9\" 2 running_mean \"bn2.running_mean\"") ==
        errc::malformed);  // two layers into one tensor
  CHECK(with_line("fold \"x\" 5 1 \"conv9\" 1 new_bias \"conv9.bias\"") == errc::malformed);
  CHECK(with_line("fold \"x\" 5 1 \"conv9\" 1 new_bias \"conv3.bias\"") == errc::malformed);
  CHECK(with_line("fold \"x\" 5 1 \"conv3\" 1 bias \"conv3.bias\"") == errc::malformed);
}

TEST_CASE("no flipped bit of a plan is taken for another plan", "[structure][plan]") {
  const std::string text = prunus::save_plan(example());
  CHECK(support::flips_taken(
            text, [](const std::string& flipped) { (void)prunus::load_plan(flipped); }) == 0);
}

TEST_CASE("an edited plan is refused with the checksum that its lines have", "[structure][plan]") {
  const std::string edited = replaced(prunus::save_plan(plan{}), "before 0", "before 7");
  const support::thrown problem =
      support::error_of<prunus::file_error>([&] { (void)prunus::load_plan(edited); });
  CHECK(problem.code == errc::malformed);
  const std::string expected = prunus::detail::end_line(edited.substr(0, edited.find("end ")));
  CHECK(problem.says(expected.substr(0, expected.size() - 1)));
  CHECK(prunus::load_plan(sealed(edited)).before.macs == 7);
}

TEST_CASE("a plan that contradicts itself is not saved", "[structure][plan]") {
  plan p;
  p.folds.push_back({"relu1", 3, std::numeric_limits<double>::quiet_NaN(), "fc", 1,
                     plan::receiver::bias, "fc.bias"});
  CHECK(support::code_of<prunus::value_error>([&] { (void)prunus::save_plan(p); }) ==
        errc::not_finite);
  p.folds[0].value = 1;
  p.folds.push_back(p.folds[0]);
  CHECK(support::code_of<prunus::argument_error>([&] { (void)prunus::save_plan(p); }) ==
        errc::duplicate_name);
}
