// SPDX-License-Identifier: MIT
#include <prunus/core/error.hpp>

#include "support/catch.hpp"

#include <examples/support/progress_bar.hpp>

#include <cstdio>   // std::tmpfile
#include <memory>   // std::unique_ptr
#include <sstream>  // std::istringstream
#include <string>   // std::string, std::getline
#include <vector>   // std::vector

using prunus_examples::progress_bar;
using prunus_examples::progress_options;

namespace {

struct closer {
  void operator()(std::FILE* file) const { std::fclose(file); }
};

class recorded_stream {
 public:
  recorded_stream() : file_(std::tmpfile()) { REQUIRE(file_ != nullptr); }
  [[nodiscard]] std::FILE* get() const { return file_.get(); }
  [[nodiscard]] std::string text() const {
    std::fflush(file_.get());
    std::rewind(file_.get());
    std::string result;
    for (int letter = std::fgetc(file_.get()); letter != EOF; letter = std::fgetc(file_.get())) {
      result += static_cast<char>(letter);
    }
    return result;
  }
  [[nodiscard]] std::vector<std::string> lines() const {
    std::istringstream stream(text());
    std::vector<std::string> result;
    for (std::string line; std::getline(stream, line);) result.push_back(line);
    return result;
  }

 private:
  std::unique_ptr<std::FILE, closer> file_;
};

progress_options into(const recorded_stream& stream) {
  return {.stream = stream.get(), .line_every = 0.25, .line_every_seconds = 1e9};
}

}  // namespace

TEST_CASE("progress_bar writes a plain line for each share of the work to a file",
          "[examples][progress_bar]") {
  const recorded_stream stream;
  progress_bar bar("training", 1000, into(stream));
  for (int step = 1; step <= 1000; ++step) bar.update(step, "loss " + std::to_string(step));
  bar.finish();
  const auto lines = stream.lines();
  REQUIRE(lines.size() == 4);
  CHECK(lines[0].find("training   25 %  elapsed 0:0") == 0);
  CHECK(lines[0].find("  left 0:0") != std::string::npos);
  CHECK(lines[0].ends_with("  loss 250"));
  CHECK(lines[2].ends_with("  loss 750"));
  CHECK(lines[3].find("training  100 %  elapsed 0:0") == 0);
  CHECK(lines[3].find("left") == std::string::npos);
  CHECK(stream.text().find('\r') == std::string::npos);
  CHECK(stream.text().find('\033') == std::string::npos);
}

TEST_CASE("progress_bar writes a line when long enough passed, however little was done",
          "[examples][progress_bar]") {
  const recorded_stream stream;
  progress_bar bar("slow", 1000000,
                   {.stream = stream.get(), .line_every = 0.5, .line_every_seconds = 0});
  bar.update(1);
  bar.update(2);
  CHECK(stream.lines().size() == 2);
}

TEST_CASE("progress_bar ends at its total and not beyond", "[examples][progress_bar]") {
  const recorded_stream stream;
  progress_bar bar("work", 10, into(stream));
  bar.update(50);
  bar.update(3);
  bar.finish("done");
  REQUIRE(stream.lines().size() == 1);
  CHECK(stream.lines()[0].find("100 %") != std::string::npos);
}

TEST_CASE("progress_bar redraws one line on a terminal", "[examples][progress_bar]") {
  const recorded_stream stream;
  {
    progress_bar bar("work", 4, {.stream = stream.get(), .terminal = true});
    bar.update(1, "first");
    bar.update(2, "too soon to be drawn");
    bar.finish("done");
  }
  const std::string text = stream.text();
  CHECK(text.find("\rwork   25 %  [#####---------------]  elapsed 0:00  left 0:00  first"
                  "\033[K") == 0);
  CHECK(text.find("too soon") == std::string::npos);
  CHECK(text.find("[####################]") != std::string::npos);
  CHECK(text.ends_with("done\033[K\n"));
  CHECK(stream.lines().size() == 1);
}

TEST_CASE("progress_bar cuts its line to the width of the terminal", "[examples][progress_bar]") {
  const recorded_stream stream;
  {
    progress_bar bar("work", 2, {.stream = stream.get(), .terminal = true});
    bar.update(1, std::string(200, 's'));
  }
  const std::string text = stream.text();
  CHECK(text.size() == 1 + 79 + 3 + 1);
  CHECK(text.back() == '\n');
}

TEST_CASE("progress_bar tells times as a clock does", "[examples][progress_bar]") {
  using prunus_examples::detail::clock_text;
  CHECK(clock_text(0) == "0:00");
  CHECK(clock_text(75.9) == "1:15");
  CHECK(clock_text(3675) == "1:01:15");
  CHECK(clock_text(-1) == "0:00");
  CHECK(prunus_examples::detail::progress_line("x", {0.25, 10}, "s", "[#---]") ==
        "x   25 %  [#---]  elapsed 0:10  left 0:30  s");
}

TEST_CASE("progress_bar refuses work without steps", "[examples][progress_bar]") {
  try {
    const progress_bar bar("nothing", 0);
    FAIL("no exception");
  } catch (const prunus::argument_error& error) {
    CHECK(error.code() == prunus::errc::out_of_range);
  }
}
