// SPDX-License-Identifier: MIT
#include <prunus/core/error.hpp>

#include "support/catch.hpp"
#include "support/temporary_folder.hpp"

#include <examples/support/plot.hpp>

#include <limits>  // std::numeric_limits
#include <string>  // std::string

using prunus_examples::draw;
using prunus_examples::figure;

namespace {

figure two_axes() {
  return {.title = "It's a_title",
          .x_label = "epoch",
          .y_label = "accuracy",
          .right_label = "sparsity",
          .curves = {{.label = "kept", .x = {0, 1, 2}, .y = {0.5, 0.75, 0.875}},
                     {.label = "gone", .x = {0, 1, 2}, .y = {0, 0.25, 0.5}, .on_right_axis = true}},
          .right_range = prunus_examples::axis_range{0, 1}};
}

bool has_gnuplot() { return prunus_examples::run_program("gnuplot", {"--version"}) == 0; }

template <class Call>
prunus::errc code_of(Call&& call) {
  try {
    call();
  } catch (const prunus::error& error) {
    return error.code();
  }
  return prunus::errc{};
}

}  // namespace

TEST_CASE("the script of a figure holds its texts, values and axes", "[examples][plot]") {
  const std::string script = prunus_examples::detail::gnuplot_script(two_axes(), "out.svg", true);
  const auto holds = [&](const char* part) { return script.find(part) != std::string::npos; };
  CHECK(holds("set terminal svg"));
  CHECK(holds("set output 'out.svg'\n"));
  CHECK(holds("set title 'It''s a_title'"));
  CHECK(holds("set y2label 'sparsity'"));
  CHECK(holds("set y2range [0:1]"));
  CHECK(holds("set yrange [*:*]"));
  CHECK(holds("$curve0 << END\n0 0.5\n1 0.75\n2 0.875\nEND\n"));
  CHECK(holds("$curve1 using 1:2 axes x1y2"));
  CHECK(holds("title 'gone (right)'"));
}

TEST_CASE("the script of a figure without a right axis does not mention one", "[examples][plot]") {
  figure plain = two_axes();
  plain.curves.pop_back();
  plain.title = "two\nlines";
  const std::string script = prunus_examples::detail::gnuplot_script(plain, "out.png", false);
  CHECK(script.find("y2") == std::string::npos);
  CHECK(script.find("pngcairo") != std::string::npos);
  CHECK(script.find("set title 'two lines'") != std::string::npos);
}

TEST_CASE("draw makes pictures where gnuplot is there and leaves nothing else",
          "[examples][plot]") {
  const temporary_folder folder("plot");
  figure with_gap = two_axes();
  with_gap.curves[0].y[1] = std::numeric_limits<double>::quiet_NaN();
  const auto svg = draw(with_gap, folder / "run's picture.svg");
  const auto png = draw(two_axes(), folder / "run.png");
  CHECK(svg.drawn == has_gnuplot());
  CHECK(png.drawn == svg.drawn);
  CHECK(svg.message.empty() == svg.drawn);
  CHECK(folder.files() == (svg.drawn ? 2U : 0U));
  if (svg.drawn) {
    CHECK(contents_of(folder / "run's picture.svg").find("</svg>") != std::string::npos);
    CHECK(contents_of(folder / "run.png").substr(1, 3) == "PNG");
  }
}

TEST_CASE("draw accepts flat curves, single values and the right axis alone", "[examples][plot]") {
  const temporary_folder folder("plot");
  const figure flat{.title = "",
                    .x_label = "",
                    .y_label = "",
                    .curves = {{.label = "flat", .x = {1, 2}, .y = {3, 3}}}};
  const figure single{.title = "",
                      .x_label = "",
                      .y_label = "",
                      .curves = {{.label = "", .x = {1}, .y = {3}, .points_only = true}}};
  figure right = two_axes();
  right.curves.erase(right.curves.begin());
  CHECK(draw(flat, folder / "flat.svg").drawn == has_gnuplot());
  CHECK(draw(single, folder / "single.svg").drawn == has_gnuplot());
  CHECK(draw(right, folder / "right.svg").drawn == has_gnuplot());
}

TEST_CASE("draw without gnuplot says how to get it and leaves the old picture",
          "[examples][plot]") {
  const temporary_folder folder("plot");
  prunus_examples::write_file(folder / "run.svg", "old");
  const auto result = draw(two_axes(), folder / "run.svg", "no-such-gnuplot");
  CHECK_FALSE(result.drawn);
  CHECK(result.message.find("install") != std::string::npos);
  CHECK(contents_of(folder / "run.svg") == "old");
  CHECK(folder.files() == 1);
}

TEST_CASE("draw reports a program that fails", "[examples][plot]") {
  const temporary_folder folder("plot");
  const auto result = draw(two_axes(), folder / "run.svg", "false");
  CHECK_FALSE(result.drawn);
  CHECK(result.message.find("status 1") != std::string::npos);
  CHECK(folder.files() == 0);
}

TEST_CASE("draw refuses what it cannot draw", "[examples][plot]") {
  const temporary_folder folder("plot");
  CHECK(code_of([&] { draw(two_axes(), folder / "run.pdf"); }) == prunus::errc::unsupported);
  CHECK(code_of([&] { draw(two_axes(), folder / "missing/run.svg"); }) ==
        prunus::errc::cannot_open);
  figure uneven = two_axes();
  uneven.curves[0].x.pop_back();
  CHECK(code_of([&] { draw(uneven, folder / "run.svg"); }) == prunus::errc::shape_mismatch);
  figure empty = two_axes();
  empty.curves.clear();
  CHECK(code_of([&] { draw(empty, folder / "run.svg"); }) == prunus::errc::out_of_range);
  empty.curves = {
      {.label = "nothing", .x = {1.0}, .y = {std::numeric_limits<double>::quiet_NaN()}}};
  CHECK(code_of([&] { draw(empty, folder / "run.svg"); }) == prunus::errc::out_of_range);
  CHECK(folder.files() == 0);
}
