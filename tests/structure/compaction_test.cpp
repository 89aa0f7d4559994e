// SPDX-License-Identifier: MIT
#include <prunus/structure/compaction.hpp>
#include <prunus/structure/plan_removal.hpp>
#include <prunus/structure/plan_text.hpp>

#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/naive_graph.hpp"
#include "support/random_graph.hpp"

#include <limits>
#include <string>
#include <vector>

namespace {

using prunus::axis;
using prunus::errc;
using prunus::Index;
using prunus::plan;

prunus::graph small() {
  prunus::graph g;
  g.input("image", {2, 4, 4});
  g.convolution("conv1", "image", {.out_channels = 3, .bias = true});
  g.convolution("conv2", g.relu("relu1", "conv1"), {.out_channels = 4, .kernel = 3, .bias = false});
  g.linear("fc", g.flatten("flat", "conv2"), {.out_features = 2});
  return g;
}
/// conv1:1 is dead and emits 0.5, which a new bias of conv2 takes over.
random_graph::network dead_small() {
  random_graph::source random(3);
  random_graph::network net = random_graph::with_random_weights(small(), random);
  const auto w = net.model["conv1.weight"].weight, b = net.model["conv1.bias"].weight;
  for (Index i = 0; i < 2; ++i) w(1, i) = 0;
  b(1) = 0.5;
  return net;
}

}  // namespace

TEST_CASE("compacted tensors keep the memory order of their views", "[structure][compaction]") {
  // The same weights as height x width x in x out and as a column-major matrix.
  prunus::graph g;
  g.input("image", {2, 1, 3});
  g.convolution("conv", "image", {.out_channels = 3, .kernel = {1, 2}, .bias = false});
  g.linear("fc", "conv", {.out_features = 2, .bias = false});
  std::vector<float> conv(12);
  for (std::size_t i = 0; i < conv.size(); ++i) conv[i] = static_cast<float>(i);
  Eigen::MatrixXf fc(2, 3);
  fc << 1, 2, 3, 4, 5, 6;
  prunus::model<float> net;
  net.add("conv.weight", prunus::view(conv, {1, 2, 2, 3}, "HWIO"));
  net.add("fc.weight", prunus::view(fc));
  const plan p = prunus::plan_removal(g, {{"conv", {1}}});
  const auto tensors = prunus::compact(net, p);
  REQUIRE(tensors.size() == 2);
  CHECK(tensors["conv.weight"].axes == net["conv.weight"].weight.axes);
  CHECK(tensors["conv.weight"].extents == std::array<Index, 4>{1, 2, 2, 2});
  CHECK(tensors["conv.weight"].values == std::vector<float>{0, 2, 3, 5, 6, 8, 9, 11});
  CHECK(tensors["fc.weight"].values == std::vector<float>{1, 4, 3, 6});
  CHECK(tensors["fc.weight"].view()(1, 1) == 6);
  CHECK(fc(0, 1) == 2);
}

TEMPLATE_TEST_CASE("compaction works on every scalar", "[structure][compaction]", float, double,
                   Eigen::half, Eigen::bfloat16) {
  const prunus::graph g = small();
  std::vector<std::vector<TestType>> storage;
  prunus::model<TestType> net;
  storage.reserve(8);
  for (const auto& node : prunus::resolve(g).nodes)
    for (const auto& p : node.parameters) {
      storage.emplace_back(static_cast<std::size_t>(p.size()), TestType(0.5f));
      net.add(p.name, prunus::view(storage.back().data(), std::span(p.shape),
                                   prunus::layout::of_rank(static_cast<int>(p.shape.size()))));
    }
  const auto dead = net["conv1.weight"].weight;
  dead(1, 0) = dead(1, 1) = TestType(0);
  const plan p = prunus::plan_removal(g, net);
  const auto tensors = prunus::compact(net, p);
  REQUIRE(tensors.size() == storage.size() + 1);
  for (TestType value : tensors["conv2.bias"].values)
    CHECK(static_cast<float>(value) == 9 * 0.5f * 0.5f);
  CHECK(tensors["conv1.weight"].values.size() == 4);
  CHECK(prunus::compact_state(p, "conv1.weight", net["conv1.weight"].weight).values.size() == 4);
}

TEST_CASE("a new bias stands behind its weight and makes the outputs equal",
          "[structure][compaction]") {
  random_graph::network net = dead_small();
  const naive::named_values before = naive::tensors_of(net.model);
  const plan p = prunus::plan_removal(net.graph, net.model);
  const auto tensors = prunus::compact(net.model, p);
  CHECK(naive::tensors_of(net.model) == before);  // the source is untouched
  REQUIRE(tensors.size() == 6);
  CHECK((tensors.begin() + 2)->name == "conv2.weight");
  CHECK((tensors.begin() + 3)->name == "conv2.bias");
  const auto w = net.model["conv2.weight"].weight;
  for (Index o = 0; o < 4; ++o) {
    double sum = 0;
    for (Index y = 0; y < 3; ++y)
      for (Index x = 0; x < 3; ++x) sum += w(o, 1, y, x);
    CHECK(tensors["conv2.bias"].values[static_cast<std::size_t>(o)] == Approx(0.5 * sum));
  }
  const prunus::graph smaller = prunus::compact(net.graph, p);
  CHECK(smaller.nodes()[3].operation.as<prunus::operation::convolution>()->bias);
}

TEST_CASE("a saved plan is replayed on a fresh network of the same shapes",
          "[structure][compaction]") {
  random_graph::network net = dead_small();
  const plan p = prunus::load_plan(prunus::save_plan(prunus::plan_removal(net.graph, net.model)));
  random_graph::source random(99);
  random_graph::network fresh = random_graph::with_random_weights(small(), random);
  const auto whole = naive::tensors_of(fresh.model);
  const auto replayed = naive::tensors_of(prunus::compact(fresh.model, p, {.fold = false}));
  CHECK(replayed.at("conv1.weight") ==
        naive::values{whole.at("conv1.weight")[0], whole.at("conv1.weight")[1],
                      whole.at("conv1.weight")[4], whole.at("conv1.weight")[5]});
  CHECK(replayed.at("conv2.bias") == naive::values(4, 0.0));
  CHECK(naive::tensors_of(prunus::compact(fresh.model, p)).at("conv2.bias") !=
        naive::values(4, 0.0));
  const prunus::resolved_graph smaller = prunus::resolve(prunus::compact(fresh.graph, p));
  CHECK(naive::evaluate(smaller, replayed, random_graph::random_inputs(smaller, random)).macs ==
        p.after.macs);
}

TEST_CASE("optimizer state loses the same positions and is not folded", "[structure][compaction]") {
  random_graph::network net = dead_small();
  const plan p = prunus::plan_removal(net.graph, net.model);
  random_graph::source random(5);
  const random_graph::network momentum = random_graph::with_random_weights(small(), random);
  for (const auto& source : momentum.tensors) {
    const auto cut = prunus::compact_state(p, source.name, source.view());
    CHECK(cut.name == source.name);
    naive::values expected;  // position by position
    const plan::tensor_slice* lost = p.find(source.name);
    const auto gone = [&](const std::vector<Index>& positions, Index i) {
      return std::find(positions.begin(), positions.end(), i) != positions.end();
    };
    const auto v = source.view();
    for (Index o = 0; o < v.extent(axis::out); ++o)
      for (Index i = 0; i < v.extent(axis::in); ++i)
        for (Index y = 0; y < v.extent(axis::height); ++y)
          for (Index x = 0; x < v.extent(axis::width); ++x)
            if (lost == nullptr || (!gone(lost->out, o) && !gone(lost->in, i)))
              expected.push_back(v(o, i, y, x));
    CHECK(naive::in_usual_order(cut.view()) == expected);
  }
}

TEST_CASE("a plan for other shapes is refused with names and numbers", "[structure][compaction]") {
  random_graph::network net = dead_small();
  const plan p = prunus::plan_removal(net.graph, net.model);
  prunus::graph other;
  other.input("image", {2, 4, 4});
  other.convolution("conv1", "image", {.out_channels = 5});
  other.convolution("conv2", other.relu("relu1", "conv1"),
                    {.out_channels = 4, .kernel = 3, .bias = false});
  other.linear("fc", other.flatten("flat", "conv2"), {.out_features = 2});
  random_graph::source random(4);
  random_graph::network larger = random_graph::with_random_weights(other, random);

  for (const support::thrown& f :
       {support::error_of<prunus::error>([&] { (void)prunus::compact(larger.model, p); }),
        support::error_of<prunus::error>([&] { (void)prunus::compact(other, p); }),
        support::error_of<prunus::error>([&] {
          (void)prunus::compact_state(p, "conv1.weight", larger.model["conv1.weight"].weight);
        })}) {
    CAPTURE(f.message);
    CHECK(f.code == prunus::errc::shape_mismatch);
    CHECK(f.says("conv1.weight"));
    CHECK(f.says("3 x 2 x 1 x 1"));
    CHECK(f.says("5 x 2 x 1 x 1"));
  }
}

TEST_CASE("a plan of another network is refused", "[structure][compaction]") {
  random_graph::network net = dead_small();
  const plan p = prunus::plan_removal(net.graph, net.model);
  prunus::graph unrelated;
  unrelated.input("image", {2, 4, 4});
  unrelated.convolution("conv9", "image", {.out_channels = 3});
  random_graph::source random(4);
  random_graph::network other = random_graph::with_random_weights(unrelated, random);
  CHECK(support::error_of<prunus::error>([&] { (void)prunus::compact(other.model, p); }).code ==
        prunus::errc::unknown_name);
  CHECK(support::error_of<prunus::error>([&] { (void)prunus::compact(unrelated, p); }).code ==
        prunus::errc::unknown_name);

  std::vector<double> bias(4);
  net.model.add("conv2.bias",
                prunus::view(bias));  // exists already, so the plan is of another graph
  CHECK(support::error_of<prunus::error>([&] { (void)prunus::compact(net.model, p); }).code ==
        prunus::errc::duplicate_name);

  plan forged = p;
  forged.removed[0].unit = 3;
  CHECK(support::error_of<prunus::error>([&] { (void)prunus::compact(net.graph, forged); }).code ==
        prunus::errc::shape_mismatch);
  forged.removed[0].coupling = "conv7";
  CHECK(support::error_of<prunus::error>([&] { (void)prunus::compact(net.graph, forged); }).code ==
        prunus::errc::unknown_name);
  forged = p;
  forged.folds[0].channel = 17;
  CHECK(support::error_of<prunus::error>([&] {
          (void)prunus::compact(dead_small().model, forged);
        }).code == prunus::errc::shape_mismatch);
}

TEST_CASE("a plan with positions that cannot be is refused", "[structure][compaction]") {
  random_graph::network net = dead_small();
  const plan p = prunus::plan_removal(net.graph, net.model);
  REQUIRE(p.slices[0].tensor == "conv1.weight");
  for (const std::vector<Index>& positions :
       {std::vector<Index>{3}, {-1}, {1, 1}, {2, 1}, {0, 1, 2}}) {
    plan forged = p;
    forged.slices[0].out = positions;
    const auto code = [](const auto& call) {
      return support::code_of<prunus::argument_error>(call);
    };
    CHECK(code([&] { (void)prunus::compact(net.model, forged); }) == prunus::errc::out_of_range);
    CHECK(code([&] { (void)prunus::compact(net.graph, forged); }) == prunus::errc::out_of_range);
    CHECK(code([&] {
            (void)prunus::compact_state(forged, "conv1.weight", net.model["conv1.weight"].weight);
          }) == prunus::errc::out_of_range);
  }
}

TEST_CASE("a plan by hand is checked record by record before anything is written",
          "[structure][compaction]") {
  random_graph::network net = dead_small();
  const plan good = prunus::plan_removal(net.graph, net.model);
  REQUIRE(good.folds.size() == 1);
  REQUIRE(good.new_tensors.size() == 1);
  const plan::fold fold = good.folds[0];
  const auto of_model = [&](const plan& p) {
    return support::error_of<prunus::error>([&] { (void)prunus::compact(net.model, p); });
  };
  const auto of_graph = [&](const plan& p) {
    return support::error_of<prunus::error>([&] { (void)prunus::compact(net.graph, p); });
  };
  const auto both = [&](errc code, const auto& change) {
    plan p = good;
    change(p);
    const support::thrown model = of_model(p), graph = of_graph(p);
    CAPTURE(model.message, graph.message);
    CHECK(model.code == code);
    CHECK(graph.code == code);
  };
  (void)prunus::compact(net.graph, good);

  // A second layer, of more outputs, into the same new bias: wrote outside of the sums of the
  // first.
  const plan::fold of_two{"flat", 0, 1, "fc.weight", 1, plan::receiver::new_bias, "conv2.bias"};
  both(errc::unknown_name, [&](plan& p) { p.folds.insert(p.folds.begin(), of_two); });
  both(errc::duplicate_name, [&](plan& p) { p.folds.push_back(of_two); });
  // A new bias that no record creates; one that is there already.
  both(errc::unknown_name, [](plan& p) { p.new_tensors.clear(); });
  both(errc::unknown_name, [](plan& p) { p.folds[0].tensor = "conv9.bias"; });
  both(errc::unknown_name, [](plan& p) { p.folds[0].tensor = "conv1.bias"; });
  both(errc::unknown_name, [](plan& p) { p.folds[0].into = plan::receiver::bias; });
  both(errc::duplicate_name, [&](plan& p) { p.folds.push_back(fold); });
  both(errc::duplicate_name, [](plan& p) { p.slices.push_back(p.slices[0]); });
  both(errc::duplicate_name, [](plan& p) { p.new_tensors.push_back(p.new_tensors[0]); });
  both(errc::duplicate_name, [](plan& p) { p.removed.push_back(p.removed[0]); });
  for (const double value :
       {std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity()})
    both(errc::not_finite, [&](plan& p) { p.folds[0].value = value; });
  both(errc::shape_mismatch, [](plan& p) { p.folds[0].groups = 3; });
  both(errc::shape_mismatch, [](plan& p) { p.folds[0].groups = 0; });
  both(errc::shape_mismatch, [](plan& p) { p.folds[0].channel = -1; });
  both(errc::shape_mismatch,
       [](plan& p) { p.folds[0].channel = std::numeric_limits<Index>::max(); });
  both(errc::out_of_range, [](plan& p) { p.folds[0].channel = 0; });  // it stays
  both(errc::shape_mismatch, [](plan& p) { p.new_tensors[0].size = 3; });
  both(errc::unknown_name, [](plan& p) { p.slices[0].tensor = "conv9.weight"; });
  both(errc::unknown_name, [](plan& p) {
    p.folds.clear();
    p.new_tensors[0].weight = "conv9.weight";
  });

  // What takes over has a value for each output, and loses the same ones.
  const auto into_bias = [&](const std::string& tensor) {
    plan p = good;
    p.new_tensors.clear();
    p.folds[0].into = plan::receiver::bias;
    p.folds[0].tensor = tensor;
    return p;
  };
  CHECK(of_model(into_bias("conv1.bias")).code == errc::shape_mismatch);  // 3 values for 4 outputs
  CHECK(of_model(into_bias("conv2.weight")).code == errc::shape_mismatch);
  CHECK(of_graph(into_bias("conv1.bias")).code == errc::shape_mismatch);
  std::vector<double> four(4), others(4);
  net.model.add("row", prunus::view(four, {1, 4}));  // 4 values, one output
  CHECK(of_model(into_bias("row")).code == errc::shape_mismatch);
  net.model.add("column", prunus::view(others, {4}));
  CHECK(of_model(into_bias("column")).code == errc{});
  plan uneven = into_bias("column");
  uneven.slices.push_back({"column", {4, 1, 1, 1}, {2}, {}});
  CHECK(of_model(uneven).code == errc::shape_mismatch);
}

TEST_CASE("a plan whose records do not follow from its units, or are not of the graph, is refused",
          "[structure][compaction]") {
  random_graph::network net = dead_small();
  const plan good = prunus::plan_removal(net.graph, net.model);
  const auto code = [&](const auto& change) {
    plan p = good;
    change(p);
    return support::code_of<prunus::error>([&] { (void)prunus::compact(net.graph, p); });
  };
  CHECK(code([](plan& p) { p.slices.pop_back(); }) == errc::out_of_range);
  CHECK(code([](plan& p) { ++p.before.macs; }) == errc::shape_mismatch);
  CHECK(code([](plan& p) { --p.after.parameters; }) == errc::shape_mismatch);
  CHECK(code([](plan& p) { p.before = p.after = {}; }) == errc{});
  CHECK(code([](plan& p) { p.slices[0].out = {0}; }) == errc::out_of_range);
  CHECK(code([](plan& p) { p.removed.clear(); }) == errc::out_of_range);
  CHECK(code([](plan& p) {
          p.slices.push_back({"fc.bias", {2, 1, 1, 1}, {0}, {}});
        }) == errc::out_of_range);
  CHECK(code([](plan& p) {
          p.removed.push_back({"fc", 0, plan::removal_reason::requested, ""});
          p.slices.push_back({"fc.weight", {2, 16, 1, 1}, {0}, {}});
          p.slices.push_back({"fc.bias", {2, 1, 1, 1}, {0}, {}});
        }) == errc::out_of_range);  // an output of the network
  CHECK(code([](plan& p) { p.folds[0].groups = 4; }) == errc::shape_mismatch);
  CHECK(code([](plan& p) { p.folds[0].from = "conv1"; }) == errc::shape_mismatch);
  CHECK(code([](plan& p) { p.folds[0].from = "relu9"; }) == errc::shape_mismatch);
  CHECK(code([](plan& p) {
          p.folds.clear();
          p.new_tensors = {{"fc.other", "fc.weight", 2}};
        }) == errc::shape_mismatch);  // it has a bias
  const prunus::keep_reason reason = prunus::keep_reason::partly_alive;
  CHECK(code([&](plan& p) {
          p.kept.push_back({"conv9", 0, reason, "conv1"});
        }) == errc::unknown_name);
  CHECK(code([&](plan& p) {
          p.kept.push_back({"conv1", 0, reason, "conv9"});
        }) == errc::unknown_name);
  CHECK(code([&](plan& p) {
          p.kept.push_back({"conv1", 3, reason, "conv1"});
        }) == errc::shape_mismatch);
  CHECK(code([](plan& p) {
          p.approximations.push_back({"conv1", -1, "conv2"});
        }) == errc::shape_mismatch);
  CHECK(code([](plan& p) {
          p.approximations.push_back({"conv1", 0, "conv9"});
        }) == errc::unknown_name);
  CHECK(code([](plan& p) { p.opaque.push_back({"conv1", "opaque", 3}); }) == errc::shape_mismatch);
  CHECK(code([](plan& p) {
          p.kept.push_back({"conv1", 2, prunus::keep_reason::opaque, "fc"});
        }) == errc{});
}

TEST_CASE("an empty plan copies the network", "[structure][compaction]") {
  random_graph::source random(8);
  random_graph::network net = random_graph::with_random_weights(small(), random);
  const plan p = prunus::plan_removal(net.graph, net.model);
  REQUIRE(p.empty());
  CHECK(naive::tensors_of(prunus::compact(net.model, p)) == naive::tensors_of(net.model));
  CHECK(p.before == p.after);
  CHECK(prunus::to_text(p) == "nothing is removed\n");
}
