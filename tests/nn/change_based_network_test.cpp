// SPDX-License-Identifier: MIT
#include <prunus/criteria/l2_norm.hpp>
#include <prunus/nn/adapters/calibrate_thresholds.hpp>
#include <prunus/nn/change_based_network.hpp>
#include <prunus/nn/network.hpp>
#include <prunus/pruning/pass.hpp>
#include <prunus/pruning/prune.hpp>
#include <prunus/structure/compaction.hpp>
#include <prunus/structure/plan_removal.hpp>

#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/random_source.hpp"

#include <algorithm>    // std::count, std::max
#include <cmath>        // std::abs
#include <cstddef>      // std::ptrdiff_t, std::size_t
#include <limits>       // std::numeric_limits
#include <span>         // std::span
#include <string>       // std::string
#include <string_view>  // std::string_view
#include <vector>       // std::vector

namespace nn = prunus::nn;

namespace {

using prunus::argument_error;
using prunus::errc;
using prunus::Index;
using support::code_of;
using support::error_of;
using video_network = nn::change_based_network<double>;

constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();

/// Everything such a network may hold: strides, overlapping poolings, dropout, biases or none.
prunus::graph long_chain() {
  prunus::graph g;
  g.input("image", {2, 13, 16});
  g.convolution("conv1", "image", {.out_channels = 6, .kernel = 3, .padding = 1, .bias = false});
  g.relu("relu1", g.batch_norm("bn1", "conv1"));
  g.max_pooling("pool1", "relu1", 3, 2, 1);
  g.convolution("conv2", g.dropout("dropout", "pool1", 0.5),
                {.out_channels = 7, .kernel = {3, 1}, .stride = {1, 2}, .padding = {1, 0}});
  g.batch_norm("bn2", "conv2");
  g.convolution("conv3", "bn2", {.out_channels = 5, .kernel = 1});
  g.relu("relu3", "conv3");
  g.max_pooling("pool2", "relu3", 2, 2);
  g.convolution("last", "pool2", {.out_channels = 3, .kernel = 1});
  return g;
}

/// Eight by eight pixels under nine ones, then `pooling`, then two numbers a position.
prunus::graph small_chain(Index window, Index padding) {
  prunus::graph g;
  g.input("image", {1, 8, 8});
  g.convolution("conv", "image", {.out_channels = 1, .kernel = 3, .padding = 1, .bias = false});
  g.max_pooling("pool", g.relu("relu", "conv"), window, 2, padding);
  g.convolution("last", "pool", {.out_channels = 2, .kernel = 1});
  return g;
}

void shake(nn::network<double>& net, support::random_source& random) {
  for (const auto& p : net.model().parameters())
    for (Index i = 0; i < p.weight.size(); ++i)
      p.weight.data[i] = p.weight.rank > 1 ? random.gaussian() : random.real(0.5, 1.5);
}

void fill(nn::network<double>& net, const std::string& name, double value) {
  const auto& weight = net.model()[name].weight;
  std::fill_n(weight.data, weight.size(), value);
}

/// Changes a few pixels of a frame.
void move_on(std::vector<double>& frame, support::random_source& random) {
  for (Index i = random.between(0, 6); i-- > 0;)
    frame[static_cast<std::size_t>(random.between(0, static_cast<Index>(frame.size()) - 1))] =
        random.gaussian();
}

std::vector<double> random_frame(Index size, support::random_source& random) {
  std::vector<double> frame(static_cast<std::size_t>(size));
  for (double& x : frame) x = random.gaussian();
  return frame;
}

/// Over the largest output.
double difference(nn::network<double>& net, std::span<const double> frame,
                  std::span<const double> outputs) {
  const auto expected = net.forward(frame, 1, nn::mode::inference);
  REQUIRE(expected.size() == static_cast<Index>(outputs.size()));
  double most = 0, scale = 0;
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    const double y = expected(0, static_cast<Index>(i));
    most = std::max(most, std::abs(outputs[i] - y));
    scale = std::max(scale, std::abs(y));
  }
  return most / scale;
}

errc rejects(const prunus::graph& graph, const char* name) {
  const nn::network<double> net(graph);
  const support::thrown what = error_of<argument_error>([&] { video_network{net}; });
  CHECK(what.says(name));
  return what.code;
}

}  // namespace

TEST_CASE("with thresholds of 0 a change-based network equals the network", "[nn][change]") {
  support::random_source random(5);
  nn::network<double> net(long_chain());
  shake(net, random);
  video_network video(net);
  std::vector<double> frame = random_frame(net.input_size(), random);
  Index done = 0;
  for (int n = 0; n < 30; ++n) {
    if (n == 20) video.reset();
    REQUIRE(difference(net, frame, video.forward(frame)) < 1e-12);
    if (n % 20 == 0) CHECK(video.macs() == video.dense_macs());
    if (n == 10) CHECK(video.forward(frame).size() == 3 * 3 * 2);  // the same frame again
    if (n == 10) CHECK(video.macs() == 0);
    done += video.macs();
    move_on(frame, random);
  }
  CHECK(done < 25 * video.dense_macs());
}

TEST_CASE("static pruning goes before: the compacted network is the one that saves twice",
          "[nn][change]") {
  support::random_source random(6);
  nn::network<double> net(long_chain());
  shake(net, random);
  const auto filters =
      prunus::pass{prunus::l2_norm{}, prunus::filter}.within({.exclude = {"last.*"}});
  static_cast<void>(prunus::prune(net.model(), filters, 0.5));
  const prunus::plan plan = prunus::plan_removal(net.graph(), net.model());
  const nn::network<double> compacted(prunus::compact(net.graph(), plan),
                                      prunus::compact(net.model(), plan));
  video_network video(compacted);
  CHECK(video.dense_macs() < video_network(net).dense_macs() / 2);
  std::vector<double> frame = random_frame(net.input_size(), random);
  for (int n = 0; n < 10; ++n, move_on(frame, random))
    REQUIRE(difference(net, frame, video.forward(frame)) < 1e-12);
}

TEST_CASE("poolings recompute the windows that hold a recomputed value, worked out by hand",
          "[nn][change]") {
  struct change {
    std::size_t row, column;
    Index convolved, side_by_side, overlapping;
  };
  // Windows of 2 x 2 side by side; windows of 3 x 3 that share a line, from one outside on.
  for (const auto [row, column, convolved, side_by_side, overlapping] :
       {change{0, 0, 4, 1, 4}, change{2, 2, 9, 4, 9}, change{3, 4, 9, 4, 6},
        change{7, 7, 4, 1, 1}}) {
    CAPTURE(row, column);
    for (const bool overlap : {false, true}) {
      nn::network<double> net(overlap ? small_chain(3, 1) : small_chain(2, 0));
      fill(net, "conv.weight", 1);
      video_network video(net);
      std::vector<double> frame(64, 1);
      video.forward(frame);
      CHECK(video.layers()[1].last.recomputed_outputs == 16);
      frame[row * 8 + column] = 2;
      video.forward(frame);
      const auto layers = video.layers();
      const Index pooled = overlap ? overlapping : side_by_side;
      REQUIRE(layers.size() == 3);
      CHECK(layers[0].last.changed_pixels == 1);
      CHECK(layers[0].last.recomputed_outputs == convolved);
      // A quarter of each row that holds any: such rows are computed as a whole.
      const auto rows_of = [&](std::string_view layer, std::size_t width) {
        const auto marks = video.recomputed(layer);
        Index rows = 0;
        for (std::size_t at = 0; at < marks.size(); at += width)
          rows += std::count(marks.begin() + static_cast<std::ptrdiff_t>(at),
                             marks.begin() + static_cast<std::ptrdiff_t>(at + width), 1) > 0;
        return rows;
      };
      const Index computed = 8 * rows_of(layers[0].name, 8), head = 4 * rows_of(layers[2].name, 4);
      CHECK(computed == (row == 0 || row == 7 ? 16 : 24));
      CHECK(layers[0].last.macs == 9 * computed);
      CHECK(layers[0].dense_macs == 9 * 64);
      CHECK(layers[1].last.changed_pixels == convolved);
      CHECK(layers[1].last.recomputed_outputs == pooled);
      CHECK(layers[1].last.macs == 0);
      CHECK(layers[2].last.recomputed_outputs == pooled);
      CHECK(layers[2].last.macs == 2 * head);
      CHECK(layers[2].positions == 16);
      CHECK(video.macs() == 9 * computed + 2 * head);
      CHECK(video.dense_macs() == 9 * 64 + 2 * 16);
      CHECK(difference(net, frame, video.output()) < 1e-12);
    }
  }
}

TEST_CASE("what is recomputed without changing stops at a convolution that compares",
          "[nn][change]") {
  prunus::graph g = small_chain(2, 0);
  g.convolution("wide", "last", {.out_channels = 3, .kernel = 3, .padding = 1});
  nn::network<double> net(g);
  fill(net, "conv.weight", -1);  // the rectifier leaves nothing of it
  video_network video(net);
  std::vector<double> frame(64, 1);
  video.forward(frame);
  frame[2 * 8 + 2] = 2;
  video.forward(frame);
  CHECK(video.layers()[2].last.recomputed_outputs == 4);  // 1 x 1: told by the pooling
  CHECK(video.layers()[3].last.recomputed_outputs == 0);  // 3 x 3: finds no change
  CHECK(video.layers()[3].compares);
  CHECK_FALSE(video.layers()[2].compares);
  const auto map = video.recomputed("pool");
  for (std::size_t q = 0; q < 16; ++q)
    CHECK(int(map[q]) == int(q == 0 || q == 1 || q == 4 || q == 5));
}

TEST_CASE("each convolution that compares has a threshold of its own", "[nn][change]") {
  nn::network<double> net(long_chain());
  video_network video(net, {.threshold = 0.25});
  CHECK(video.threshold("conv1") == 0.25);
  video.set_threshold("conv2", 0.5);
  CHECK(video.threshold("conv1") == 0.25);
  CHECK(video.threshold("conv2") == 0.5);
  video.set_thresholds(1);
  CHECK(video.threshold("conv1") == 1);

  std::vector<double> frame(static_cast<std::size_t>(net.input_size()), 0);
  video.forward(frame);
  frame[40] = 1;  // not more than the threshold
  video.forward(frame);
  CHECK(video.macs() == 0);
  video.set_threshold("conv1", 0.5);
  video.forward(frame);
  CHECK(video.layers()[0].last.recomputed_outputs == 9);

  CHECK(code_of<argument_error>([&] { video.set_threshold("conv1", -1); }) == errc::out_of_range);
  CHECK(code_of<argument_error>([&] { video.set_thresholds(not_a_number); }) == errc::out_of_range);
  for (const char* name : {"conv3", "pool1", "last"})
    CHECK(code_of<argument_error>([&] { video.set_threshold(name, 1); }) == errc::unsupported);
  CHECK(code_of<argument_error>([&] { static_cast<void>(video.threshold("relu1")); }) ==
        errc::unknown_name);
  CHECK(code_of<argument_error>([&] { static_cast<void>(video.recomputed("none")); }) ==
        errc::unknown_name);
}

TEST_CASE("a first convolution of 1 x 1 has nothing to inherit and compares", "[nn][change]") {
  prunus::graph g;
  g.input("image", {1, 2, 2});
  g.convolution("only", "image", {.out_channels = 1, .kernel = 1});
  nn::network<double> net(g);
  video_network video(net);
  CHECK(video.layers()[0].compares);
  std::vector<double> frame(4, 1);
  video.forward(frame);
  frame[1] = 3;
  video.forward(frame);
  CHECK(video.macs() == 2);  // the row, as a whole
  CHECK(difference(net, frame, video.output()) < 1e-12);
}

TEST_CASE("what is no chain of convolutions and max poolings is refused by the name of its node",
          "[nn][change]") {
  const auto chain = [](auto add) {
    prunus::graph g;
    g.input("image", {4, 8, 8});
    g.convolution("conv", "image", {.out_channels = 4, .kernel = 3, .padding = 1});
    add(g);
    return g;
  };
  using graph = prunus::graph;
  CHECK(rejects(chain([](graph& g) { g.average_pooling("mean", "conv", 2, 2); }), "mean") ==
        errc::unsupported);
  CHECK(rejects(chain([](graph& g) { g.linear("fc", "conv", {.out_features = 2}); }), "fc") ==
        errc::unsupported);
  CHECK(rejects(chain([](graph& g) {
                  g.convolution("wide", "conv", {.out_channels = 4, .kernel = 1, .groups = 2});
                }),
                "wide") == errc::unsupported);
  CHECK(rejects(chain([](graph& g) {
                  g.activation("soft", "conv", {prunus::operation::activation_function::sigmoid});
                }),
                "soft") == errc::unsupported);
  CHECK(rejects(chain([](graph& g) { g.batch_norm("late", g.relu("relu", "conv")); }), "late") ==
        errc::unsupported);
  CHECK(rejects(chain([](graph& g) { g.relu("late", g.max_pooling("pool", "conv", 2, 2)); }),
                "late") == errc::unsupported);
  CHECK(rejects(chain([](graph& g) {
                  g.add("sum", {"conv", "image"});
                }),
                "sum") == errc::unsupported);
  CHECK(rejects(chain([](graph& g) {
                  g.relu("relu", "conv");
                  g.output("conv");
                }),
                "conv") == errc::unsupported);
  graph pooled, bare;
  pooled.max_pooling("pool", pooled.input("image", {1, 4, 4}), 2, 2);
  CHECK(rejects(pooled, "pool") == errc::unsupported);
  bare.dropout("nothing", bare.input("image", {1, 4, 4}), 0.1);
  CHECK(rejects(bare, "image") == errc::unsupported);

  const nn::network<double> net(long_chain());
  CHECK(code_of<argument_error>([&] { video_network(net, {.threshold = -1}); }) ==
        errc::out_of_range);
  video_network video(net);
  CHECK(code_of<prunus::shape_error>([&] { video.forward(std::vector<double>(5)); }) ==
        errc::shape_mismatch);
}

TEST_CASE("calibration climbs layer by layer while the loss allows it, worked out by hand",
          "[nn][change]") {
  const nn::network<double> net(long_chain());
  video_network video(net, {.threshold = 7});
  int calls = 0;
  const nn::threshold_calibration options{
      .start = 1, .factor = 2, .first_tolerance = 4, .tolerance = 1};
  const auto found = nn::calibrate_thresholds(
      video,
      [&](const video_network& v) {
        ++calls;
        return v.threshold("conv1") + v.threshold("conv2") / 2;
      },
      options);
  REQUIRE(found.size() == 2);  // conv3 and last are 1 x 1
  CHECK(found[0].name == "conv1");
  CHECK(found[0].threshold == 4);  // 8 would raise the loss by 8
  CHECK(found[0].loss == 4);
  CHECK(found[1].threshold == 2);  // 4 would raise it by 2
  CHECK(found[1].loss == 5);
  CHECK(video.threshold("conv1") == 4);
  CHECK(video.threshold("conv2") == 2);
  CHECK(calls == 1 + 4 + 3);
}

TEST_CASE("calibration leaves 0 where nothing is allowed, and ends where everything is",
          "[nn][change]") {
  const nn::network<double> net(long_chain());
  video_network video(net);
  for (const double worst : {1.0, not_a_number}) {
    const auto none = nn::calibrate_thresholds(video, [&](const video_network& v) {
      return v.threshold("conv1") + v.threshold("conv2") > 0 ? worst : 0;
    });
    for (const auto& one : none) CHECK((one.threshold == 0 && one.loss == 0));
  }
  const auto all = nn::calibrate_thresholds(video, [](const video_network&) { return 1; },
                                            {.start = 1, .factor = 2, .most_steps = 5});
  for (const auto& one : all) CHECK(one.threshold == 16);
  using options = nn::threshold_calibration;
  for (const options& wrong :
       {options{.start = 0}, options{.factor = 1}, options{.first_tolerance = -1},
        options{.tolerance = not_a_number}, options{.most_steps = 0}})
    CHECK(code_of<argument_error>([&] {
            nn::calibrate_thresholds(
                video, [](const video_network&) { return 1; }, wrong);
          }) == errc::out_of_range);
}

TEST_CASE("calibrated on clips, the loss stays within the sum of the tolerances", "[nn][change]") {
  support::random_source random(8);
  nn::network<double> net(long_chain());
  shake(net, random);
  video_network video(net);
  std::vector<std::vector<double>> clip{random_frame(net.input_size(), random)};
  for (int n = 1; n < 5; ++n) {
    clip.push_back(clip.back());
    for (double& x : clip.back()) x += random.real(-0.05, 0.05);
  }
  const auto error = [&](video_network& v) {
    v.reset();
    for (const auto& frame : clip) v.forward(frame);
    return difference(net, clip.back(), v.output());
  };
  const auto found = nn::calibrate_thresholds(
      video, error, {.start = 1e-3, .first_tolerance = 0.01, .tolerance = 0.005});
  CHECK(found[0].threshold >= 1e-3);
  CHECK(found[0].threshold < 1);
  CHECK(found.back().loss < 0.0151);
  CHECK(error(video) == found.back().loss);
  video.reset();
  video.forward(clip[0]);
  CHECK(video.macs() == video.dense_macs());
}
