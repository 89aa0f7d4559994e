// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/error.hpp>

#include "text.hpp"

#include <algorithm>    // std::clamp, std::min
#include <chrono>       // std::chrono::steady_clock
#include <cmath>        // std::floor
#include <cstddef>      // std::size_t
#include <cstdio>       // std::FILE, std::fprintf, std::snprintf
#include <optional>     // std::optional
#include <string>       // std::string
#include <string_view>  // std::string_view
#include <utility>      // std::move

#if defined(_WIN32)
#include <io.h>  // _isatty
#else
#include <sys/ioctl.h>  // ioctl, TIOCGWINSZ
#include <unistd.h>     // isatty
#endif

namespace prunus_examples {
namespace detail {

/// 75 -> "1:15", 3675 -> "1:01:15".
[[nodiscard]] inline std::string clock_text(double seconds) {
  const auto total = static_cast<long long>(std::clamp(seconds, 0.0, 359999.0));
  char buffer[48];
  if (total < 3600) {
    std::snprintf(buffer, sizeof buffer, "%lld:%02lld", total / 60, total % 60);
  } else {
    std::snprintf(buffer, sizeof buffer, "%lld:%02lld:%02lld", total / 3600, total / 60 % 60,
                  total % 60);
  }
  return buffer;
}

/// How far the work is.
struct progress {
  double fraction = 0;  // in [0, 1]
  double seconds = 0;   // since the start
};

/// "training  45 %  elapsed 0:09  left 0:11  loss 0.31"
[[nodiscard]] inline std::string progress_line(std::string_view label, const progress& now,
                                               std::string_view status, std::string_view bar) {
  char percent[16];
  std::snprintf(percent, sizeof percent, "%3d %%",
                static_cast<int>(std::floor(100 * now.fraction)));
  std::string line = joined(label, "  ", percent, "  ");
  if (!bar.empty()) line.append(bar).append("  ");
  line += joined("elapsed ", clock_text(now.seconds));
  if (now.fraction > 0 && now.fraction < 1) {
    line += joined("  left ", clock_text(now.seconds * (1 - now.fraction) / now.fraction));
  }
  if (!status.empty()) line.append("  ").append(status);
  return line;
}

/// "[######------]"
[[nodiscard]] inline std::string bar_text(double fraction, std::size_t width) {
  const auto filled = static_cast<std::size_t>(fraction * static_cast<double>(width));
  return joined('[', std::string(filled, '#'), std::string(width - filled, '-'), ']');
}

[[nodiscard]] inline bool is_terminal(std::FILE* stream) {
#if defined(_WIN32)
  return _isatty(_fileno(stream)) != 0;
#else
  return isatty(fileno(stream)) != 0;
#endif
}

/// Letters in a line of the terminal; 80 where it does not say.
[[nodiscard]] inline std::size_t terminal_width([[maybe_unused]] std::FILE* stream) {
#if !defined(_WIN32)
  winsize size{};
  if (ioctl(fileno(stream), TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
#endif
  return 80;
}

}  // namespace detail

/// How a progress_bar shows itself.
struct progress_options {
  std::FILE* stream = stderr;
  std::optional<bool> terminal = {};  ///< redraw one line, or write plain lines; asked if not set
  double line_every = 0.1;            ///< plain lines: after so much of the work ...
  double line_every_seconds = 30;     ///< ... or after so long, whichever is first
};

/// Shows how far long work is: on a terminal one line that is drawn again and again, elsewhere (a
/// log file, a pipe) a plain line now and then.
///
///     progress_bar bar("training", steps);
///     for (long step = 0; step < steps; ++step) {
///       ...
///       bar.update(step + 1, "loss 0.31");
///     }
///     bar.finish();
///
/// For one thread. The destructor ends a line that is still open.
class progress_bar {
 public:
  /// @param total how many steps the work has, at least 1
  /// @throws prunus::argument_error out_of_range
  progress_bar(std::string label, long long total, const progress_options& options = {})
      : label_(std::move(label)), total_(total), options_(options) {
    if (total < 1) {
      throw prunus::argument_error(prunus::errc::out_of_range,
                                   joined("progress_bar: total must be at least 1, got ", total));
    }
    terminal_ = options.terminal ? *options.terminal : detail::is_terminal(options.stream);
  }
  ~progress_bar() {
    if (line_open_) std::fputc('\n', options_.stream);
  }
  progress_bar(const progress_bar&) = delete;
  progress_bar& operator=(const progress_bar&) = delete;
  progress_bar(progress_bar&&) = delete;
  progress_bar& operator=(progress_bar&&) = delete;

  /// So many steps are done; a number beyond the total counts as the total. Cheap enough for every
  /// step: it draws a few times a second at most.
  void update(long long done, std::string_view status = {}) {
    if (finished_) return;
    const double fraction =
        static_cast<double>(std::clamp(done, 0LL, total_)) / static_cast<double>(total_);
    const detail::progress now{fraction, seconds()};
    if (terminal_) {
      if (fraction < 1 && line_open_ && now.seconds - drawn_.seconds < 0.1) return;
      draw(now, status);
    } else if (fraction >= 1 || fraction - drawn_.fraction >= options_.line_every - 1e-9 ||
               now.seconds - drawn_.seconds >= options_.line_every_seconds) {
      std::fprintf(options_.stream, "%s\n", detail::progress_line(label_, now, status, {}).c_str());
      std::fflush(options_.stream);
      drawn_ = now;
    }
    finished_ = fraction >= 1;
    if (finished_) end_line();
  }

  /// All is done. Does nothing after an update that reached the total.
  void finish(std::string_view status = {}) { update(total_, status); }

 private:
  using clock = std::chrono::steady_clock;

  [[nodiscard]] double seconds() const {
    return std::chrono::duration<double>(clock::now() - start_).count();
  }

  void draw(const detail::progress& now, std::string_view status) {
    const std::size_t width = detail::terminal_width(options_.stream) - 1;
    // Room for percentage, times and some status stays free, so that the bar keeps its width.
    const std::size_t taken = label_.size() + 55;
    const std::size_t room = width > taken ? std::min<std::size_t>(width - taken, 30) : 0;
    const std::string bar = room >= 5 ? detail::bar_text(now.fraction, room) : "";
    const std::string line = detail::progress_line(label_, now, status, bar).substr(0, width);
    std::fprintf(options_.stream, "\r%s\033[K", line.c_str());
    std::fflush(options_.stream);
    drawn_ = now;
    line_open_ = true;
  }

  void end_line() {
    if (line_open_) std::fputc('\n', options_.stream);
    std::fflush(options_.stream);
    line_open_ = false;
  }

  std::string label_;
  long long total_;
  progress_options options_;
  bool terminal_ = false;
  bool line_open_ = false;
  bool finished_ = false;
  detail::progress drawn_;
  clock::time_point start_ = clock::now();
};

}  // namespace prunus_examples
