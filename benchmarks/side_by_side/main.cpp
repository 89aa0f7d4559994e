// SPDX-License-Identifier: MIT
// Everything that is claimed to be fast, beside its dense twin or a peer, in one run.
#include "side_by_side/arena.hpp"
#include "side_by_side/goals.hpp"

#include <CLI/CLI.hpp>

#include <cstdio>
#include <exception>

int main(int argc, char** argv) {
  CLI::App app{
      "Times this library beside its dense twins and beside oneDNN and Eigen, candidate after\n"
      "candidate in every round, and appends the times to a file of JSON lines. The script run.sh\n"
      "beside the sources also runs PyTorch and makes the report."};
  side_by_side::arena_options options;
  std::vector<std::string> reported;
  std::string markdown = "side_by_side.md", picture = "side_by_side.svg";
  app.add_option("--rounds", options.rounds, "how often every candidate is timed")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--only", options.only, "only work whose name contains this");
  app.add_option("--results", options.results, "file of JSON lines to append to")
      ->capture_default_str();
  app.add_option("--report", reported, "no timing: make tables and a picture from these results");
  app.add_option("--markdown", markdown, "where --report writes the tables")->capture_default_str();
  app.add_option("--picture", picture, "where --report draws")->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  try {
    if (!reported.empty()) {
      side_by_side::report(reported, markdown, picture);
      return 0;
    }
    side_by_side::arena in(options);
    side_by_side::compare_convolutions(in);
    side_by_side::compare_linear_layers(in);
    side_by_side::compare_pruning(in);
    side_by_side::compare_networks(in);
    return 0;
  } catch (const std::exception& e) {
    std::fprintf(stderr, "%s\n", e.what());
    return 1;
  }
}
