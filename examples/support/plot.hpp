// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/error.hpp>

#include "file_output.hpp"
#include "run_program.hpp"
#include "text.hpp"

#include <algorithm>    // std::any_of, std::max, std::min
#include <array>        // std::array
#include <cmath>        // std::isfinite
#include <cstddef>      // std::size_t
#include <limits>       // std::numeric_limits
#include <optional>     // std::optional
#include <string>       // std::string
#include <string_view>  // std::string_view
#include <vector>       // std::vector

namespace prunus_examples {

/// A named series of values over steps.
struct curve {
  std::string label = {};
  std::vector<double> x = {};
  std::vector<double> y = {};  ///< as many as x; a gap where a value is not finite
  bool on_right_axis = false;  ///< another quantity, with its scale on the right
  bool points_only = false;    ///< a cloud of points instead of a line
};

/// From where to where an axis goes.
struct axis_range {
  double from = 0;
  double to = 1;
};

/// A picture of curves. Texts are shown as they stand.
struct figure {
  std::string title = {};
  std::string x_label = {};
  std::string y_label = {};
  std::string right_label = {};  ///< of the axis on the right, shown if a curve uses it
  std::vector<curve> curves = {};
  std::optional<axis_range> y_range = {};      ///< chosen from the values if not set
  std::optional<axis_range> right_range = {};  ///< chosen from the values if not set
};

/// Whether a picture was drawn, and what to do if not.
struct plot_result {
  bool drawn = false;
  std::string message;  ///< one sentence for the user, empty if drawn
};

namespace detail {

/// In gnuplot's single quotes a quote is doubled; a line break would end the command.
[[nodiscard]] inline std::string quoted_for_gnuplot(std::string_view text) {
  std::string result = "'";
  for (const char letter : text) {
    if (letter == '\'') result += '\'';
    result += letter == '\n' || letter == '\r' ? ' ' : letter;
  }
  return result + '\'';
}

[[nodiscard]] inline std::string plot_number(double value) {
  if (!std::isfinite(value)) return "NaN";  // gnuplot leaves a gap there
  return joined(value);
}

/// The values of one curve as a block with a name, which the plot command refers to.
[[nodiscard]] inline std::string data_block(const curve& curve, std::size_t index) {
  std::string block = joined("$curve", index, " << END\n");
  for (std::size_t i = 0; i < curve.x.size(); ++i) {
    block += joined(plot_number(curve.x[i]), ' ', plot_number(curve.y[i]), '\n');
  }
  return block + "END\n";
}

/// Colours that colour-blind readers can tell apart (Okabe and Ito 2008), each with its own dashes
/// and marks, so that the curves differ on grey paper too.
[[nodiscard]] inline std::string curve_style(std::size_t index, bool points_only) {
  constexpr std::array<std::string_view, 7> colours{"#0072B2", "#D55E00", "#009E73", "#CC79A7",
                                                    "#E69F00", "#56B4E9", "#000000"};
  constexpr std::array<std::string_view, 5> dashes{"solid", "(14,5)", "(3,4)", "(14,4,3,4)",
                                                   "(6,4)"};
  constexpr std::array<int, 5> marks{7, 5, 9, 11, 13};
  const std::string colour = joined(" lc rgb '", colours[index % colours.size()], "'");
  const std::string mark = joined(" pt ", marks[index % marks.size()], " ps ");
  if (points_only) return joined(" with points", colour, mark, 1.1);
  return joined(" with linespoints lw 2.2 dt ", dashes[index % dashes.size()], colour, mark, 0.7);
}

/// About twelve marks on a curve, however many values it has.
[[nodiscard]] inline std::string mark_spacing(const curve& curve) {
  return curve.points_only ? "" : joined(" pointinterval ", curve.x.size() / 12 + 1);
}

[[nodiscard]] inline std::string range_text(const std::optional<axis_range>& range) {
  if (!range) return "[*:*]";
  return joined('[', plot_number(range->from), ':', plot_number(range->to), ']');
}

/// From the first step to the last, with a little air.
[[nodiscard]] inline axis_range x_range(const figure& figure) {
  axis_range range{std::numeric_limits<double>::max(), std::numeric_limits<double>::lowest()};
  for (const curve& curve : figure.curves) {
    for (const double x : curve.x) {
      if (!std::isfinite(x)) continue;
      range.from = std::min(range.from, x);
      range.to = std::max(range.to, x);
    }
  }
  const double air = range.from < range.to ? 0.02 * (range.to - range.from) : 0.5;
  return {range.from - air, range.to + air};
}

[[nodiscard]] inline bool has_right_axis(const figure& figure) {
  return std::any_of(figure.curves.begin(), figure.curves.end(),
                     [](const curve& curve) { return curve.on_right_axis; });
}

/// What to draw on; a gnuplot built without Cairo has a plainer PNG.
[[nodiscard]] inline std::string terminal_line(bool svg) {
  if (svg) {
    return "set terminal svg size 900,560 dynamic background '#ffffff' noenhanced "
           "font 'DejaVu Sans,Helvetica,Arial,sans-serif,14'\n";
  }
  return "if (strstrt(GPVAL_TERMINALS, 'pngcairo') > 0) {\n"
         "  set terminal pngcairo size 1350,840 background '#ffffff' noenhanced "
         "font 'DejaVu Sans,14' fontscale 1.2 linewidth 1.5 pointscale 1.5\n"
         "} else {\n"
         "  set terminal png size 1350,840 noenhanced\n"
         "}\n";
}

/// The whole figure in gnuplot's language.
[[nodiscard]] inline std::string gnuplot_script(const figure& figure, const std::string& output,
                                                bool svg) {
  std::string script = terminal_line(svg);
  script += joined("set output ", quoted_for_gnuplot(output), "\n");
  script += joined("set title ", quoted_for_gnuplot(figure.title), " font ',17' offset 0,0.3\n");
  script += joined("set xlabel ", quoted_for_gnuplot(figure.x_label), "\n");
  script += joined("set ylabel ", quoted_for_gnuplot(figure.y_label), "\n");
  script += joined("set yrange ", range_text(figure.y_range), "\n");
  script += joined("set xrange ", range_text(x_range(figure)), "\n");
  script += "set grid xtics ytics lt 1 lw 1 dt solid lc rgb '#e6e6e6'\n";
  script += "set tics out nomirror\n";
  const bool right = has_right_axis(figure);
  if (right) {
    script += joined("set y2label ", quoted_for_gnuplot(figure.right_label), "\n");
    script += joined("set y2range ", range_text(figure.right_range), "\n");
    script += "set y2tics out nomirror\n";
  }
  script += joined("set border ", right ? 11 : 3, " lw 1 lc rgb '#555555'\n");
  script += "set tics textcolor rgb '#333333'\n";
  script +=
      "set key outside bottom center horizontal Left reverse samplen 4 spacing 1.4 height 1.2\n";
  for (std::size_t i = 0; i < figure.curves.size(); ++i) {
    script += data_block(figure.curves[i], i);
  }
  script += "plot ";
  for (std::size_t i = 0; i < figure.curves.size(); ++i) {
    const curve& curve = figure.curves[i];
    script +=
        joined(i == 0 ? "" : ", \\\n     ", "$curve", i, " using 1:2 axes ",
               curve.on_right_axis ? "x1y2" : "x1y1", curve_style(i, curve.points_only),
               mark_spacing(curve), " title ",
               quoted_for_gnuplot(joined(curve.label, curve.on_right_axis ? " (right)" : "")));
  }
  return script + "\nset output\n";
}

/// @throws prunus::argument_error, prunus::shape_error
inline void check_figure(const figure& figure, std::string_view path) {
  if (!path.ends_with(".svg") && !path.ends_with(".png")) {
    throw prunus::argument_error(
        prunus::errc::unsupported,
        joined("draw: a path that ends in .svg or .png was expected, got ", path));
  }
  std::size_t values = 0;
  for (const curve& curve : figure.curves) {
    if (curve.x.size() != curve.y.size()) {
      throw prunus::shape_error(prunus::errc::shape_mismatch,
                                joined("draw: curve ", curve.label, " has ", curve.x.size(),
                                       " x and ", curve.y.size(), " y, they come in pairs"));
    }
    for (std::size_t i = 0; i < curve.x.size(); ++i) {
      if (std::isfinite(curve.x[i]) && std::isfinite(curve.y[i])) ++values;
    }
  }
  if (values == 0) {
    throw prunus::argument_error(
        prunus::errc::out_of_range,
        "draw: a curve with at least one finite value was expected, got none");
  }
}

}  // namespace detail

/// Draws the figure with gnuplot into an .svg or .png file, which is either complete or not there.
///
/// A missing gnuplot is no error: the result then tells how to get it, and the caller goes on with
/// its numbers in a table.
///
/// @param program the gnuplot to run, found on the path
/// @throws prunus::argument_error unsupported (another kind of file), out_of_range (nothing to
///         draw); prunus::shape_error shape_mismatch; prunus::file_error cannot_open
inline plot_result draw(const figure& figure, const std::string& path,
                        const std::string& program = "gnuplot") {
  detail::check_figure(figure, path);
  const pending_file script(path + ".gnuplot");
  pending_file picture(path);
  picture.write("");  // says in time whether the folder can be written
  script.write(detail::gnuplot_script(figure, picture.temporary(), path.ends_with(".svg")));
  const std::optional<int> status = run_program(program, {script.temporary()});
  if (!status) {
    return {false,
            "no picture was drawn, because gnuplot is not there; install it (apt-get "
            "install gnuplot, brew install gnuplot) and run again"};
  }
  if (*status != 0) {
    return {false, joined("no picture was drawn: gnuplot ended with status ", *status,
                          "; is it version 5 or newer?")};
  }
  picture.commit();
  return {true, ""};
}

}  // namespace prunus_examples
