// SPDX-License-Identifier: MIT
#include "side_by_side/arena.hpp"

#include <prunus/runtime/denormal_guard.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <ctime>
#include <fstream>
#include <stdexcept>
#include <thread>

namespace side_by_side {
namespace {

std::string processor() {
  std::ifstream info("/proc/cpuinfo");
  for (std::string line; std::getline(info, line);)
    if (line.starts_with("model name")) return line.substr(line.find(':') + 2);
  return "unknown";
}

std::string today() {
  const std::time_t now = std::time(nullptr);
  char text[32];
  std::strftime(text, sizeof(text), "%F", std::gmtime(&now));
  return text;
}

double seconds_of(const candidate& c, int calls) {
  double passed = 0;
  for (int i = 0; i < calls; ++i) {
    if (c.prepare) c.prepare();
    const auto begin = std::chrono::steady_clock::now();
    c.run();
    passed += std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  }
  return passed / calls;
}

void append(std::FILE* to, const nlohmann::json& line) {
  std::fputs((line.dump() + "\n").c_str(), to);
  std::fflush(to);
}

}  // namespace

std::string_view instruction_set() {
#if defined(__AVX512F__)
  return "AVX-512";
#elif defined(__AVX2__)
  return "AVX2";
#else
  return "baseline";
#endif
}

arena::arena(const arena_options& options)
    : options_(options), results_(std::fopen(options.results.c_str(), "a")) {
  if (results_ == nullptr)
    throw std::runtime_error("side_by_side: cannot write to " + options.results);
  append(results_, {{"machine", processor()},
                    {"threads_of_machine", std::thread::hardware_concurrency()},
                    {"instructions", instruction_set()},
                    {"compiler", __VERSION__},
                    {"flags", PRUNUS_FLAGS},
                    {"date", today()}});
}

arena::~arena() { std::fclose(results_); }

bool arena::wants(std::string_view work) const {
  return work.find(options_.only) != std::string_view::npos;
}

void arena::compare(const std::string& work, int threads,
                    const std::vector<candidate>& candidates) {
  if (!wants(work)) return;
  const prunus::denormal_guard flushed;
  std::vector<int> calls;
  for (const candidate& c : candidates) {
    static_cast<void>(seconds_of(c, 1));
    const double once = seconds_of(c, 1);
    calls.push_back(
        std::clamp(static_cast<int>(std::ceil(options_.seconds_a_round / once)), 1, 1000));
  }
  std::vector<std::vector<double>> milliseconds(candidates.size());
  for (int round = 0; round < options_.rounds; ++round)
    for (std::size_t k = 0; k < candidates.size(); ++k) {
      const std::size_t i = (k + static_cast<std::size_t>(round)) % candidates.size();
      milliseconds[i].push_back(1e3 * seconds_of(candidates[i], calls[i]));
    }
  for (std::size_t i = 0; i < candidates.size(); ++i)
    append(results_, {{"work", work},
                      {"candidate", candidates[i].name},
                      {"instructions", instruction_set()},
                      {"threads", threads},
                      {"milliseconds", milliseconds[i]}});
  std::fprintf(stderr, "%s\n", work.c_str());
}

}  // namespace side_by_side
