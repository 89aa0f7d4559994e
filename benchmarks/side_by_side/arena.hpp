// SPDX-License-Identifier: MIT
#pragma once

#include <cstdio>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace side_by_side {

/// One way to do a piece of work.
struct candidate {
  std::string name;
  std::function<void()> run;
  std::function<void()> prepare = {};  ///< not timed, before every call
};

/// What is timed, for how long, and where the times go.
struct arena_options {
  int rounds = 7;
  double seconds_a_round = 0.004;  ///< a candidate is called again until so much has passed
  std::string only = {};           ///< work that does not contain this is left out
  std::string results = "side_by_side.jsonl";
};

/// Times candidates in turns: every round calls each of them, beginning with another one, so that a
/// machine that slows down slows them all. Each piece of work is appended to the results at once, a
/// line of JSON for each candidate, so that a run that is cut off loses nothing.
class arena {
 public:
  explicit arena(const arena_options& options);
  ~arena();
  arena(const arena&) = delete;
  arena& operator=(const arena&) = delete;

  [[nodiscard]] bool wants(std::string_view work) const;
  void compare(const std::string& work, int threads, const std::vector<candidate>& candidates);

 private:
  arena_options options_;
  std::FILE* results_;
};

/// "AVX-512", "AVX2" or "baseline": what this program was compiled for.
[[nodiscard]] std::string_view instruction_set();

// The pieces of work.
void compare_convolutions(arena& in);
void compare_linear_layers(arena& in);
void compare_pruning(arena& in);
void compare_networks(arena& in);

}  // namespace side_by_side
