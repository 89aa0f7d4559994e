// SPDX-License-Identifier: MIT
#include "side_by_side/goals.hpp"

#include "support/file_output.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <map>
#include <optional>
#include <set>
#include <stdexcept>

namespace side_by_side {
namespace {

/// What was measured of one candidate, over all rounds of all files.
struct times {
  std::vector<double> milliseconds;
  int threads = 1;

  [[nodiscard]] double quantile(double share) const {
    std::vector<double> sorted = milliseconds;
    std::sort(sorted.begin(), sorted.end());
    return sorted[static_cast<std::size_t>(share * static_cast<double>(sorted.size() - 1) + 0.5)];
  }
  [[nodiscard]] double median() const { return quantile(0.5); }
};

using candidates = std::map<std::string, times>;         // by name
using measurements = std::map<std::string, candidates>;  // by work

/// `ours` (the fastest of them) is to be `ratio` times as fast as the fastest of `theirs`. A ratio
/// below 1 allows to be slower.
struct goal {
  std::string work;  ///< that begins so and ends with `share`
  std::string share;
  std::vector<std::string> ours, theirs;
  double ratio;
};

const std::vector<std::string> block_kernels{"prunus blocks_of_4", "prunus blocks_of_8",
                                             "prunus blocks_of_16"};
const std::vector<std::string> single_kernels{"prunus patterns", "prunus rows"};

std::vector<goal> goals() {
  const std::vector<std::string> onednn{"oneDNN dense"}, eigen{"Eigen dense"};
  std::vector<goal> all;
  const auto add = [&](const std::string& work, const std::vector<std::string>& ours,
                       const std::vector<std::string>& theirs,
                       const std::vector<std::pair<std::string, double>>& ratios) {
    for (const auto& [share, ratio] : ratios) all.push_back({work, share, ours, theirs, ratio});
  };
  add("convolution 3x3", block_kernels, onednn,
      {{"8x1 blocks, 50 %", 1.6}, {"8x1 blocks, 70 %", 2.4}, {"8x1 blocks, 90 %", 7}});
  add("convolution 3x3", single_kernels, onednn,
      {{"kernels, 50 %", 1.2}, {"kernels, 70 %", 1.6}, {"kernels, 90 %", 3.9}});
  add("convolution 3x3", single_kernels, onednn,
      {{"single weights, 70 %", 1.5},
       {"single weights, 80 %", 1.9},
       {"single weights, 90 %", 3},
       {"single weights, 95 %", 4.5}});
  add("convolution 1x1", block_kernels, onednn,
      {{"8x1 blocks, 50 %", 1.3}, {"8x1 blocks, 70 %", 2}, {"8x1 blocks, 90 %", 5}});
  add("strided convolution", block_kernels, onednn,
      {{"8x1 blocks, 50 %", 1.4}, {"8x1 blocks, 90 %", 3.5}});
  add("strided convolution", single_kernels, onednn,
      {{"kernels, 90 %", 2.2}, {"single weights, 80 %", 1.5}, {"single weights, 90 %", 2.2}});
  add("linear layer", block_kernels, eigen,
      {{"batch 1, 16x1 blocks, 70 %", 2.8}, {"batch 1, 16x1 blocks, 90 %", 5.5}});
  add("linear layer", single_kernels, eigen,
      {{"batch 1, single weights, 70 %", 1.2}, {"batch 1, single weights, 90 %", 1.6}});
  add("convolution", {"prunus dense"}, onednn, {{", dense", 0.85}});
  add("convolution", {"prunus dense"}, {"Eigen im2col"}, {{", dense", 1.2}});
  add("strided convolution", {"prunus dense"}, onednn, {{", dense", 0.7}});
  for (const std::string net : {"ResNet-20", "LeNet-5", "two-layer CNN"})
    add(net, {"prunus compacted"}, {"prunus dense"}, {{"half of the channels, batch 1", 1 / 0.3}});
  add("ResNet-20", {"prunus packed"}, {"prunus dense"}, {{"8x1 blocks, 80 %, batch 1", 2.5}});
  add("ResNet-20", {"prunus packed"}, {"PyTorch dense"}, {{"8x1 blocks, 80 %, batch 1", 4}});
  add("global magnitude", {"prunus pass"}, {"PyTorch global_unstructured"}, {{"90 %", 120}});
  add("global magnitude", {"prunus pass"}, {"PyTorch by hand"}, {{"90 %", 10}});
  add("global magnitude", {"prunus pass"}, {"plain read"}, {{"90 %", 1 / 5.0}});
  add("layer-adaptive magnitude", {"prunus pass"}, {"plain read"}, {{"90 %", 1 / 4.0}});
  for (const std::string norm : {"L1", "L2"}) {
    add("filter norms " + norm, {"prunus"}, {"PyTorch"}, {{"ResNet-50", 1.2}});
    add("filter norms " + norm, {"prunus"}, {"plain read"}, {{"ResNet-50", 1 / 1.5}});
  }
  add("geometric median, ResNet-50", {"prunus"}, {"PyTorch cdist"}, {{"convolutions", 1.7}});
  add("geometric median, VGG-16", {"prunus"}, {"scipy cdist"}, {{"convolutions", 30}});
  add("training step, ResNet-20", {"prunus, masks held alone"}, {"prunus"}, {{"batch 128", 100}});
  const std::vector<std::string> torch{"PyTorch", "PyTorch channels-last"};
  add("training step, LeNet-5", {"prunus"}, torch, {{"batch 128", 1.5}});
  add("training step, two-layer CNN", {"prunus"}, torch, {{"batch 128", 1.4}});
  add("training step, ResNet-20", {"prunus"}, torch, {{"batch 128", 1.0}});
  return all;
}

std::string title_of(const goal& g) {
  return g.work + (g.share.starts_with(",") ? "" : ", ") + g.share;
}

std::optional<double> fastest(const candidates& found, const std::vector<std::string>& names) {
  std::optional<double> best;
  for (const std::string& name : names)
    if (const auto one = found.find(name); one != found.end())
      best = std::min(best.value_or(one->second.median()), one->second.median());
  return best;
}

std::string joined(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : " / ") + name;
  return text;
}

std::string number(double value) {
  char text[32];
  std::snprintf(text, sizeof(text), value >= 100 ? "%.0f" : value >= 10 ? "%.1f" : "%.2f", value);
  return text;
}

/// Speeds of ours over theirs, as a table and for the picture.
struct verdicts {
  std::string table;
  std::string bars;  ///< label, least ratio / goal
};

verdicts judge(const measurements& all, double allowance) {
  verdicts result;
  for (const goal& g : goals()) {
    std::vector<double> ratios;
    std::size_t met = 0;
    const double wanted = g.ratio * allowance;
    for (const auto& [work, found] : all) {
      if (!work.starts_with(g.work) || !work.ends_with(g.share)) continue;
      const auto ours = fastest(found, g.ours), theirs = fastest(found, g.theirs);
      if (!ours || !theirs) continue;
      ratios.push_back(*theirs / *ours);
      if (ratios.back() >= wanted) ++met;
    }
    if (ratios.empty()) continue;
    const auto [least, most] = std::minmax_element(ratios.begin(), ratios.end());
    result.table += "| " + title_of(g) + " | " + joined(g.theirs) + " | " + number(wanted) + " | " +
                    number(*least) + (ratios.size() > 1 ? " to " + number(*most) : "") + " | " +
                    (met == ratios.size() ? "yes"
                     : met == 0           ? "no"
                                : std::to_string(met) + " of " + std::to_string(ratios.size())) +
                    " |\n";
    result.bars += "\"" + title_of(g) + " / " + g.theirs.front() + "\" " +
                   std::to_string(*least / wanted) + "\n";
  }
  return result;
}

void draw(const std::string& bars, const std::string& picture) {
  const std::string data = picture + ".data", script = picture + ".gnuplot";
  prunus_examples::write_file(data, bars);
  const auto lines = static_cast<int>(std::count(bars.begin(), bars.end(), '\n'));
  prunus_examples::write_file(
      script,
      "set terminal svg size 900," + std::to_string(120 + 18 * lines) +
          " font 'sans,11' background 'white'\nset output '" + picture +
          "'\nset title 'Speed over the goal, the worst case of each: 1 and more is met'\n"
          "set yrange [-0.6:" +
          std::to_string(lines) +
          "-0.4] reverse\nset xrange [0:3]\nset termoption noenhanced\nset grid x\nset "
          "style fill solid 0.7\n"
          "set arrow from 1,graph 0 to 1,graph 1 nohead lw 2 lc rgb '#D55E00'\n"
          "set bmargin 3\nset lmargin 52\n"
          "plot '" +
          data +
          "' using ($2>3?1.5:$2/2.0):0:($2>3?1.5:$2/2.0):(0.35):ytic(1) with boxxyerror notitle "
          "lc rgb '#0072B2'\n");
  if (std::system(("gnuplot '" + script + "'").c_str()) != 0)
    std::fprintf(stderr, "gnuplot did not run: no picture; sudo apt-get install gnuplot-nox\n");
  std::remove(data.c_str());
  std::remove(script.c_str());
}

}  // namespace

void report(const std::vector<std::string>& results, const std::string& markdown,
            const std::string& picture) {
  std::map<std::string, measurements> by_instructions;
  std::vector<nlohmann::json> peers;
  std::set<std::string> machines;
  for (const std::string& file : results) {
    std::ifstream in(file);
    if (!in) throw std::runtime_error("side_by_side: cannot read " + file);
    for (std::string line; std::getline(in, line);) {
      const nlohmann::json one = nlohmann::json::parse(line);
      if (one.contains("machine")) {
        machines.insert(one.dump());
        continue;
      }
      if (!one.contains("instructions")) {
        peers.push_back(one);
        continue;
      }
      times& to = by_instructions[one["instructions"]][one["work"]][one["candidate"]];
      for (const double t : one["milliseconds"]) to.milliseconds.push_back(t);
      to.threads = one["threads"];
    }
  }
  for (const nlohmann::json& one : peers)  // the same for every build
    for (auto& [instructions, all] : by_instructions) {
      times& to = all[one["work"]][one["candidate"]];
      for (const double t : one["milliseconds"]) to.milliseconds.push_back(t);
      to.threads = one["threads"];
    }
  std::string text =
      "# Side by side\n\nMedians over all rounds; written by `side_by_side --report`."
      "\n\n";
  for (const std::string& machine : machines) text += "`" + machine + "`\n\n";
  bool drawn = false;
  for (const auto& [instructions, all] : by_instructions) {
    const verdicts found = judge(all, instructions == "AVX2" ? 0.75 : 1);
    text += "## Goals, " + instructions +
            "\n\nTimes as fast as the other, over all layers that were measured.\n\n"
            "| work | against | goal | reached | met |\n| --- | --- | --- | --- | --- |\n" +
            found.table + "\n";
    if (!drawn && instructions != "AVX2") {
      draw(found.bars, picture);
      drawn = true;
    }
  }
  for (const auto& [instructions, all] : by_instructions) {
    text += "## All times, " + instructions +
            "\n\n| work | candidate | threads | median ms | middle half | rounds |\n"
            "| --- | --- | --- | --- | --- | --- |\n";
    for (const auto& [work, found] : all)
      for (const auto& [name, t] : found)
        text += "| " + work + " | " + name + " | " + std::to_string(t.threads) + " | " +
                number(t.median()) + " | " + number(t.quantile(0.25)) + " to " +
                number(t.quantile(0.75)) + " | " + std::to_string(t.milliseconds.size()) + " |\n";
    text += "\n";
  }
  prunus_examples::write_file(markdown, text);
}

}  // namespace side_by_side
