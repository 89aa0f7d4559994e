// SPDX-License-Identifier: MIT
#include <prunus/structure/resolve.hpp>

#include "support/catch.hpp"
#include "support/errors.hpp"

#include <cctype>       // std::isalnum, std::isdigit
#include <limits>       // std::numeric_limits
#include <string>       // std::string
#include <string_view>  // std::string_view
#include <utility>      // std::pair
#include <vector>       // std::vector

namespace {

using prunus::errc;
using prunus::graph;
using prunus::Index;
using prunus::tensor_shape;
using role = prunus::parameter_role;
namespace operation = prunus::operation;
using names = std::vector<std::string>;

/// Whether a name or a number stands in a text as a whole: "3" does not stand in "13".
bool states(const std::string& text, const std::string& fact) {
  const bool number = std::isdigit(static_cast<unsigned char>(fact.back())) != 0;
  const auto goes_on = [&](std::size_t at) {
    if (at >= text.size()) return false;
    const auto c = static_cast<unsigned char>(text[at]);
    return number ? std::isdigit(c) != 0 : std::isalnum(c) != 0 || c == '_';
  };
  for (std::size_t at = text.find(fact); at != text.npos; at = text.find(fact, at + 1))
    if (!(at > 0 && goes_on(at - 1)) && !goes_on(at + fact.size())) return true;
  return false;
}

/// What is missing in the refusal of a graph: "" when resolving throws an Error with this code
/// whose text states all these facts.
template <class Error>
std::string lacking(const graph& g, errc code, const names& facts) {
  const support::thrown error = support::error_of<Error>([&] { (void)prunus::resolve(g); });
  if (error.code == errc{}) return "it was resolved";
  if (error.code != code) return "another code: " + error.message;
  for (const std::string& fact : facts)
    if (!states(error.message, fact)) return fact + " in: " + error.message;
  return "";
}
/// The same for one bad node, declared by `declare` on a graph that has "image" of 6 x 8 x 7.
template <class Declare>
std::string unstated(Declare declare, const names& facts) {
  graph g;
  g.input("image", {6, 8, 7});
  declare(g);
  return lacking<prunus::graph_error>(g, errc::bad_node, facts);
}

const prunus::resolved_graph::node& node_of(const prunus::resolved_graph& network,
                                            std::string_view name) {
  return network.nodes[network.index_of(name)];
}
names names_of(const prunus::resolved_graph& network) {
  names result;
  for (const auto& node : network.nodes) result.push_back(node.name);
  return result;
}
names names_at(const prunus::resolved_graph& network, const std::vector<std::size_t>& positions) {
  names result;
  for (const std::size_t n : positions) result.push_back(network.nodes.at(n).name);
  return result;
}
names outputs_of(const prunus::resolved_graph& network) {
  names result;
  for (const auto& node : network.nodes)
    if (node.is_output) result.push_back(node.name);
  return result;
}

/// One declared tensor as text: "conv.weight 6x3x3x2 OIHW weight".
std::string text_of(const prunus::parameter_declaration& p) {
  std::string text = p.name + " ";
  for (std::size_t k = 0; k < p.shape.size(); ++k)
    text += (k == 0 ? "" : "x") + std::to_string(p.shape[k]);
  text += " " + std::string(p.axes.text()) + " ";
  switch (p.role) {
    case role::weight:
      return text + "weight";
    case role::bias:
      return text + "bias";
    case role::scale:
      return text + "scale";
    case role::shift:
      return text + "shift";
    case role::running_mean:
      return text + "running_mean";
    case role::running_variance:
      return text + "running_variance";
    case role::table:
      return text + "table";
  }
  return text + "of no role";
}
names tensors_of(const prunus::resolved_graph& network, std::string_view name) {
  names result;
  for (const auto& p : node_of(network, name).parameters) result.push_back(text_of(p));
  return result;
}

}  // namespace

TEST_CASE("the shape of every operation is the one worked out by hand", "[structure][resolve]") {
  graph g;
  g.input("image", {6, 8, 7});
  // rows (8 + 2 - 3) / 2 + 1 = 4 with one row left over, columns (7 - 2) / 3 + 1 = 2 with two left
  g.convolution(
      "conv", "image",
      {.out_channels = 6, .kernel = {3, 2}, .stride = {2, 3}, .padding = {1, 0}, .groups = 2});
  g.convolution("whole", "image", {.out_channels = 2, .kernel = {8, 7}});
  g.convolution("tall", "image", {.out_channels = 1, .kernel = {10, 9}, .padding = 1});
  g.linear("everywhere", "image", {.out_features = 5});
  g.batch_norm("bn", "image");
  g.layer_norm("ln", "image");
  g.activation("act", "image", {operation::activation_function::tanh});
  g.dropout("drop", "image", 0);
  g.add("sum", {"image", "bn", "ln"});
  g.global_average_pooling("gap", "image");
  g.global_max_pooling("gmp", "image");
  g.multiply("gated", {"gap", "image", "bn"});
  g.multiply("gates", {"gap", "gmp"});
  g.concat("both", {"image", "everywhere", "bn"});
  g.concat("alone", {"image"});
  g.pad_channels("padded", "image", {.before = 2, .after = 1});
  g.pad_channels("as it is", "image", {});
  g.flatten("flat", "image");
  g.flatten("flat, channels last", "image", {.channels_last = true});
  g.max_pooling("max", "image", 3, 2, 1);  // (8 + 2 - 3) / 2 + 1, (7 + 2 - 3) / 2 + 1
  g.average_pooling("mean", "image", {2, 3}, {1, 2});
  g.average_pooling("half", "image", 2, 2, 1);  // padding of half the kernel
  g.upsampling("up", "image", {2, 3});
  g.split_heads("split", "conv", 3);
  g.merge_heads("merge", "split", 2);
  g.convolution("value", "image", {.out_channels = 9});
  g.attention("attention", "conv", "image", "value", 3);
  g.input("tokens", {1, 5, 2});
  g.embedding("table", "tokens", {.vocabulary = 11, .features = 4});
  g.position_embedding("places", "table");
  const prunus::resolved_graph network = prunus::resolve(g);

  const std::vector<std::pair<const char*, tensor_shape>> expected{
      {"image", {6, 8, 7}},      {"conv", {6, 4, 2}},
      {"whole", {2, 1, 1}},      {"tall", {1, 1, 1}},
      {"everywhere", {5, 8, 7}}, {"bn", {6, 8, 7}},
      {"ln", {6, 8, 7}},         {"act", {6, 8, 7}},
      {"drop", {6, 8, 7}},       {"sum", {6, 8, 7}},
      {"gap", {6, 1, 1}},        {"gmp", {6, 1, 1}},
      {"gated", {6, 8, 7}},      {"gates", {6, 1, 1}},
      {"both", {17, 8, 7}},      {"alone", {6, 8, 7}},
      {"padded", {9, 8, 7}},     {"as it is", {6, 8, 7}},
      {"flat", {336, 1, 1}},     {"flat, channels last", {336, 1, 1}},
      {"max", {6, 4, 4}},        {"mean", {6, 7, 3}},
      {"half", {6, 5, 4}},       {"up", {6, 16, 21}},
      {"split", {3, 8, 2}},      {"merge", {6, 4, 2}},
      {"value", {9, 8, 7}},      {"attention", {9, 4, 2}},
      {"tokens", {1, 5, 2}},     {"table", {4, 5, 2}},
      {"places", {4, 5, 2}},
  };
  CHECK(network.nodes.size() == expected.size());
  for (const auto& [name, shape] : expected) {
    const tensor_shape& found = node_of(network, name).shape;
    CAPTURE(name, found.channels, found.height, found.width);
    CHECK((found == shape));
  }
}

TEST_CASE("every operation declares its tensors, in PyTorch's order", "[structure][resolve]") {
  graph g;
  g.input("image", {6, 8, 7});
  g.convolution("conv", "image", {.out_channels = 4, .kernel = {3, 2}, .padding = 1});
  g.convolution("grouped", "conv", {.out_channels = 8, .kernel = 3, .groups = 2, .bias = false});
  g.convolution("depth_wise", "grouped", {.out_channels = 16, .groups = 8});
  g.linear("fc", "image", {.out_features = 5});
  g.linear("bare", "image", {.out_features = 3, .bias = false});
  g.batch_norm("bn", "image");
  g.layer_norm("ln", "conv");
  g.input("tokens", {1, 5, 2});
  g.embedding("table", "tokens", {.vocabulary = 11, .features = 4});
  g.position_embedding("places", "table");
  const prunus::resolved_graph network = prunus::resolve(g);
  CHECK(tensors_of(network, "conv") ==
        names{"conv.weight 4x6x3x2 OIHW weight", "conv.bias 4 O bias"});
  CHECK(tensors_of(network, "grouped") == names{"grouped.weight 8x2x3x3 OIHW weight"});
  CHECK(tensors_of(network, "depth_wise") ==
        names{"depth_wise.weight 16x1x1x1 OIHW weight", "depth_wise.bias 16 O bias"});
  CHECK(tensors_of(network, "fc") == names{"fc.weight 5x6 OI weight", "fc.bias 5 O bias"});
  CHECK(tensors_of(network, "bare") == names{"bare.weight 3x6 OI weight"});
  CHECK(tensors_of(network, "bn") == names{"bn.weight 6 O scale", "bn.bias 6 O shift",
                                           "bn.running_mean 6 O running_mean",
                                           "bn.running_var 6 O running_variance"});
  CHECK(tensors_of(network, "ln") == names{"ln.weight 4 O scale", "ln.bias 4 O shift"});
  CHECK(tensors_of(network, "table") == names{"table.weight 11x4 IO table"});
  CHECK(tensors_of(network, "places") == names{"places.weight 10x4 IO bias"});
  CHECK(node_of(network, "conv").parameters[0].size() == 144);
}

TEST_CASE("operations without weights declare no tensors", "[structure][resolve]") {
  graph g;
  g.input("image", {6, 8, 7});
  g.relu("relu", "image");
  g.dropout("drop", "image", 0.5);
  g.add("sum", {"image", "relu"});
  g.multiply("product", {"image", "relu"});
  g.concat("both", {"image", "relu"});
  g.pad_channels("padded", "image", {1, 1});
  g.flatten("flat", "image");
  g.max_pooling("max", "image", 2, 2);
  g.global_average_pooling("gap", "image");
  g.upsampling("up", "image", 2);
  g.split_heads("split", "image", 2);
  g.merge_heads("merge", "split", 3);
  g.attention("attention", "image", "image", "image", 2);
  for (const auto& node : prunus::resolve(g).nodes) {
    CAPTURE(node.name);
    CHECK(node.parameters.empty());
  }
}

TEST_CASE("the declared order stays where it serves", "[structure][resolve]") {
  graph g;
  g.input("left", {2, 1, 1});
  g.input("right", {2, 1, 1});
  g.relu("b", "right");
  g.relu("a", "left");
  g.add("sum", {"a", "b"});
  CHECK(names_of(prunus::resolve(g)) == names{"left", "right", "b", "a", "sum"});
}

TEST_CASE("nodes are put into an order in which they can be computed", "[structure][resolve]") {
  graph g;
  g.linear("fc", "flat", {.out_features = 3});
  g.add("sum", {"conv2", "conv1"});
  g.flatten("flat", "sum");
  g.convolution("conv2", "conv1", {.out_channels = 4});
  g.convolution("conv1", "image", {.out_channels = 4});
  g.input("image", {2, 3, 3});
  const prunus::resolved_graph network = prunus::resolve(g);
  CHECK(names_of(network) == names{"image", "conv1", "conv2", "sum", "flat", "fc"});
  CHECK((node_of(network, "flat").shape == tensor_shape{36, 1, 1}));
  CHECK(tensors_of(network, "fc") == names{"fc.weight 3x36 OI weight", "fc.bias 3 O bias"});
  CHECK(names_at(network, node_of(network, "sum").inputs) == names{"conv2", "conv1"});
}

TEST_CASE("a long chain that is declared backwards is put in order", "[structure][resolve]") {
  constexpr int length = 2000;
  graph g;
  for (int n = length; n > 0; --n) g.relu(std::to_string(n), std::to_string(n - 1));
  g.input("0", {1, 1, 1});
  const prunus::resolved_graph network = prunus::resolve(g);
  REQUIRE(network.nodes.size() == length + 1);
  for (std::size_t n = 0; n <= length; ++n) REQUIRE(network.nodes[n].name == std::to_string(n));
}

TEST_CASE("every node knows whom it reads and who reads it", "[structure][resolve]") {
  graph g;
  g.input("image", {2, 3, 3});
  g.relu("relu", "image");
  g.add("sum", {"relu", "image"});
  g.add("twice", {"sum", "sum"});
  g.attention("attention", "relu", "twice", "sum", 1);
  const prunus::resolved_graph network = prunus::resolve(g);
  const auto read = [&](const char* name) {
    return names_at(network, node_of(network, name).inputs);
  };
  const auto readers = [&](const char* name) {
    return names_at(network, node_of(network, name).consumers);
  };
  CHECK(read("image").empty());
  CHECK(read("sum") == names{"relu", "image"});
  CHECK(read("twice") == names{"sum", "sum"});
  CHECK(read("attention") == names{"relu", "twice", "sum"});
  CHECK(readers("image") == names{"relu", "sum"});
  CHECK(readers("relu") == names{"sum", "attention"});
  CHECK(readers("twice") == names{"attention"});
  CHECK(readers("attention").empty());
  CHECK(network.index_of("sum") == 2);
}

TEST_CASE("a name that no node bears has no position", "[structure][resolve]") {
  graph g;
  g.input("image", {1, 1, 1});
  const prunus::resolved_graph network = prunus::resolve(g);
  const support::thrown error =
      support::error_of<prunus::argument_error>([&] { (void)network.index_of("imag"); });
  CHECK(error.code == errc::unknown_name);
  CHECK(states(error.message, "imag"));
}

TEST_CASE("the results are what is marked, else what nobody reads", "[structure][resolve]") {
  graph g;
  g.input("image", {2, 3, 3});
  g.relu("inner", "image");
  g.relu("left", "inner");
  g.relu("right", "inner");
  CHECK(outputs_of(prunus::resolve(g)) == names{"left", "right"});
  g.output("right");
  CHECK(outputs_of(prunus::resolve(g)) == names{"right"});
  g.output("inner");
  g.output("right");
  CHECK(outputs_of(prunus::resolve(g)) == names{"inner", "right"});
}

TEST_CASE("a graph without nodes is refused", "[structure][resolve]") {
  CHECK(lacking<prunus::argument_error>(graph{}, errc::empty_model, {}) == "");
}

TEST_CASE("names that no node bears are refused", "[structure][resolve]") {
  graph reads;
  reads.input("image", {2, 3, 3});
  reads.add("sum", {"image", "shortcut"});
  CHECK(lacking<prunus::argument_error>(reads, errc::unknown_name, {"sum", "shortcut"}) == "");
  graph marks;
  marks.input("image", {2, 3, 3});
  marks.output("image");
  marks.output("logits");
  CHECK(lacking<prunus::argument_error>(marks, errc::unknown_name, {"logits"}) == "");
  graph empty;
  empty.input("image", {2, 3, 3});
  empty.relu("relu", "");
  CHECK(lacking<prunus::argument_error>(empty, errc::unknown_name, {"relu"}) == "");
}

TEST_CASE("a graph that feeds itself is refused", "[structure][resolve]") {
  graph self;
  self.input("image", {2, 3, 3});
  self.add("loop", {"image", "loop"});
  CHECK(lacking<prunus::graph_error>(self, errc::cycle, {"loop"}) == "");

  graph two;
  two.input("image", {2, 3, 3});
  two.add("forth", {"image", "back"});
  two.relu("back", "forth");
  CHECK(lacking<prunus::graph_error>(two, errc::cycle, {"forth", "back"}) == "");

  graph alone;  // nothing leads into it
  alone.input("image", {2, 3, 3});
  alone.relu("a", "b");
  alone.relu("b", "a");
  CHECK(lacking<prunus::graph_error>(alone, errc::cycle, {"a", "b"}) == "");

  constexpr int length = 500;
  graph longest;
  longest.input("image", {2, 3, 3});
  longest.add("0", {"image", std::to_string(length)});
  for (int n = 1; n <= length; ++n) longest.relu(std::to_string(n), std::to_string(n - 1));
  CHECK(lacking<prunus::graph_error>(longest, errc::cycle, {}) == "");
}

TEST_CASE("another number of inputs than the operation takes is refused", "[structure][resolve]") {
  const auto with = [](const prunus::any_operation& op, std::size_t count, const char* takes) {
    graph g;
    g.input("image", {6, 8, 7});
    g.add_node({"node", op, names(count, "image")});
    return lacking<prunus::graph_error>(g, errc::bad_node, {"node", takes, std::to_string(count)});
  };
  const std::vector<std::pair<const char*, prunus::any_operation>> of_one{
      {"convolution", operation::convolution{.out_channels = 1}},
      {"linear", operation::linear{.out_features = 1}},
      {"batch_norm", operation::batch_norm{}},
      {"layer_norm", operation::layer_norm{}},
      {"activation", operation::activation{}},
      {"pad_channels", operation::pad_channels{}},
      {"flatten", operation::flatten{}},
      {"pooling", operation::pooling{}},
      {"global_pooling", operation::global_pooling{}},
      {"upsampling", operation::upsampling{}},
      {"split_heads", operation::split_heads{}},
      {"merge_heads", operation::merge_heads{}},
      {"embedding", operation::embedding{.vocabulary = 2, .features = 1}},
      {"position_embedding", operation::position_embedding{}},
      {"dropout", operation::dropout{}},
  };
  for (const auto& [name, op] : of_one) {
    CAPTURE(name);
    CHECK(with(op, 0, "1") == "");
    CHECK(with(op, 2, "1") == "");
  }
  CHECK(with(operation::input{{1, 1, 1}}, 1, "0") == "");
  CHECK(with(operation::add{}, 0, "2") == "");
  CHECK(with(operation::add{}, 1, "2") == "");
  CHECK(with(operation::multiply{}, 0, "2") == "");
  CHECK(with(operation::multiply{}, 1, "2") == "");
  CHECK(with(operation::concat{}, 0, "1") == "");
  CHECK(with(operation::attention{}, 2, "3") == "");
  CHECK(with(operation::attention{}, 4, "3") == "");
}

TEST_CASE("an input without extent is refused", "[structure][resolve]") {
  for (const tensor_shape wrong :
       {tensor_shape{0, 19, 23}, tensor_shape{17, -1, 23}, tensor_shape{17, 19, 0}}) {
    const auto declare = [&](graph& g) { g.input("frame", wrong); };
    CHECK(unstated(declare, {"frame", std::to_string(wrong.channels), std::to_string(wrong.height),
                             std::to_string(wrong.width)}) == "");
  }
}

TEST_CASE("a convolution that does not fit is refused", "[structure][resolve]") {
  const auto with = [](const operation::convolution& op, names facts) {
    facts.emplace_back("conv");
    return unstated([&](graph& g) { g.convolution("conv", "image", op); }, facts);
  };
  CHECK(with({.out_channels = 0}, {"0"}) == "");
  CHECK(with({.out_channels = -3}, {"-3"}) == "");
  CHECK(with({.out_channels = 4, .groups = 0}, {"0", "6", "4"}) == "");
  CHECK(with({.out_channels = 4, .groups = -2}, {"-2", "6", "4"}) == "");
  CHECK(with({.out_channels = 12, .groups = 4}, {"4", "6", "12"}) == "");  // 6 inputs
  CHECK(with({.out_channels = 7, .groups = 3}, {"3", "6", "7"}) == "");    // 7 outputs
  for (const bool rows : {true, false}) {
    const auto one = [&](Index wrong, Index right) {
      return rows ? prunus::extent2{wrong, right} : prunus::extent2{right, wrong};
    };
    CAPTURE(rows);
    CHECK(with({.out_channels = 4, .kernel = one(0, 1)}, {"0"}) == "");
    CHECK(with({.out_channels = 4, .stride = one(0, 1)}, {"0"}) == "");
    CHECK(with({.out_channels = 4, .stride = one(-2, 1)}, {"-2"}) == "");
    CHECK(with({.out_channels = 4, .padding = one(-1, 0)}, {"-1"}) == "");
    CHECK(with({.out_channels = 4, .kernel = one(13, 1), .padding = one(2, 0)},
               {"13", rows ? "8" : "7", "2"}) == "");  // 8 + 4 rows, 7 + 4 columns
  }
}

TEST_CASE("a linear layer without outputs is refused", "[structure][resolve]") {
  for (const Index wrong : {0, -5}) {
    const auto declare = [&](graph& g) { g.linear("fc", "image", {.out_features = wrong}); };
    CHECK(unstated(declare, {"fc", std::to_string(wrong)}) == "");
  }
}

TEST_CASE("sums of different shapes are refused", "[structure][resolve]") {
  const auto with = [](const tensor_shape& other, const names& facts) {
    return unstated(
        [&](graph& g) {
          g.input("other", other);
          g.add("sum", {"image", "image", "other"});
        },
        facts);
  };
  CHECK(with({5, 8, 7}, {"sum", "6", "8", "7", "5"}) == "");
  CHECK(with({6, 9, 7}, {"sum", "6", "8", "7", "9"}) == "");
  CHECK(with({6, 8, 4}, {"sum", "6", "8", "7", "4"}) == "");
  CHECK(with({6, 1, 1}, {"sum", "6", "8", "7", "1"}) == "");  // only a product is spread
}

TEST_CASE("factors that do not fit are refused", "[structure][resolve]") {
  const auto with = [](const tensor_shape& other, const names& facts) {
    return unstated(
        [&](graph& g) {
          g.input("other", other);
          g.multiply("product", {"other", "image"});
        },
        facts);
  };
  CHECK(with({5, 8, 7}, {"product", "6", "8", "7", "5"}) == "");
  CHECK(with({5, 1, 1}, {"product", "6", "8", "7", "5", "1"}) == "");
  CHECK(with({1, 1, 1}, {"product", "6", "8", "7", "1"}) == "");
  CHECK(with({6, 8, 1}, {"product", "6", "8", "7", "1"}) == "");
  CHECK(with({6, 1, 7}, {"product", "6", "8", "7", "1"}) == "");
  CHECK(with({6, 7, 8}, {"product", "6", "8", "7"}) == "");  // as many positions, turned
  CHECK(with({6, 9, 7}, {"product", "6", "8", "7", "9"}) == "");
}

TEST_CASE("planes that cannot be concatenated are refused", "[structure][resolve]") {
  const auto with = [](const tensor_shape& other, const names& facts) {
    return unstated(
        [&](graph& g) {
          g.input("other", other);
          g.concat("both", {"image", "image", "other"});
        },
        facts);
  };
  CHECK(with({6, 9, 7}, {"both", "8", "7", "9"}) == "");
  CHECK(with({6, 8, 3}, {"both", "8", "7", "3"}) == "");
}

TEST_CASE("negative numbers of zero channels are refused", "[structure][resolve]") {
  const auto with = [](const operation::pad_channels& op, const names& facts) {
    return unstated([&](graph& g) { g.pad_channels("wider", "image", op); }, facts);
  };
  CHECK(with({-1, 3}, {"wider", "-1", "3"}) == "");
  CHECK(with({4, -2}, {"wider", "4", "-2"}) == "");
}

TEST_CASE("sizes that cannot be counted are refused", "[structure][resolve]") {
  constexpr Index big = Index{1} << 62;
  const std::string text = std::to_string(big);
  const auto with = [](const auto& op, const names& facts) {
    return unstated([&](graph& g) { g.node("large", op, {"image"}); }, facts);
  };
  CHECK(with(operation::pad_channels{big, big}, {"large", text}) == "");
  CHECK(with(operation::pad_channels{big, 3}, {"large"}) == "");  // channels, but not values
  CHECK(with(operation::upsampling{{big, 1}}, {"large", "8", text}) == "");
  CHECK(with(operation::upsampling{{1, big}}, {"large", "7", text}) == "");
  CHECK(with(operation::upsampling{{Index{1} << 31, Index{1} << 31}}, {"large"}) == "");
  CHECK(with(operation::linear{.out_features = big}, {"large", text}) == "");
  CHECK(with(operation::convolution{.out_channels = big}, {"large", text}) == "");
  CHECK(with(operation::convolution{.out_channels = 1, .padding = {big, 0}}, {"large", text}) ==
        "");
  CHECK(with(operation::convolution{.out_channels = 1, .kernel = 1 << 16, .padding = 1 << 16},
             {"large", "65536"}) == "");  // 2^32 positions of 2^32 products
  CHECK(with(operation::opaque{.shape = {big, big, 1}}, {"large", text}) == "");
  CHECK(with(operation::opaque{.tensors = {{"weight", {big, big}}}}, {"large", "weight"}) == "");

  graph tokens;
  tokens.input("tokens", {1, 1, 1});
  tokens.embedding("embedding", "tokens", {.vocabulary = big, .features = 4});
  CHECK(lacking<prunus::graph_error>(tokens, errc::bad_node, {"embedding", "weight"}) == "");

  graph wide;
  wide.input("image", {big, 1, 1});
  wide.concat("both", {"image", "image"});
  CHECK(lacking<prunus::graph_error>(wide, errc::bad_node, {"both", text}) == "");

  graph frame;
  frame.input("image", {big, 2, 1});
  CHECK(lacking<prunus::graph_error>(frame, errc::bad_node, {"image", text}) == "");

  graph rows;
  rows.input("image", {1, Index{1} << 32, 1});
  rows.attention("attention", "image", "image", "image", 1);
  CHECK(lacking<prunus::graph_error>(rows, errc::bad_node, {"attention", "4294967296"}) == "");
}

TEST_CASE("a pooling that does not fit is refused", "[structure][resolve]") {
  const auto with = [](const operation::pooling& op, names facts) {
    facts.emplace_back("pool");
    return unstated([&](graph& g) { g.node("pool", op, {"image"}); }, facts);
  };
  using kind = operation::pooling_function;
  for (const kind function : {kind::max, kind::average}) {
    CHECK(with({function, 3, 2, {2, 0}}, {"2", "0"}) == "");  // more than half the kernel
    CHECK(with({function, 3, 2, {0, 2}}, {"0", "2"}) == "");
    CHECK(with({function, {0, 1}, 2, 0}, {"0"}) == "");
    CHECK(with({function, {1, 0}, 2, 0}, {"0"}) == "");
    CHECK(with({function, 2, {0, 1}, 0}, {"0"}) == "");
    CHECK(with({function, 2, {1, -3}, 0}, {"-3"}) == "");
    CHECK(with({function, 2, 2, {-1, 0}}, {"-1"}) == "");
    CHECK(with({function, 2, 2, {0, -1}}, {"-1"}) == "");
    CHECK(with({function, {13, 1}, 1, {2, 0}}, {"13", "8", "2"}) == "");
    CHECK(with({function, {1, 13}, 1, {0, 2}}, {"13", "7", "2"}) == "");
  }
}

TEST_CASE("an enlargement by less than one is refused", "[structure][resolve]") {
  for (const prunus::extent2 wrong : {prunus::extent2{0, 2}, prunus::extent2{2, -1}})
    CHECK(unstated([&](graph& g) { g.upsampling("up", "image", wrong); }, {"up"}) == "");
}

TEST_CASE("heads that do not divide what they share are refused", "[structure][resolve]") {
  for (const Index wrong : {0, -2, 4}) {
    const std::string number = std::to_string(wrong);
    CAPTURE(wrong);
    CHECK(unstated([&](graph& g) { g.split_heads("split", "image", wrong); },
                   {"split", number, "6"}) == "");
    CHECK(unstated([&](graph& g) { g.attention("mix", "image", "image", "image", wrong); },
                   {"mix", number, "6"}) == "");
  }
  for (const Index wrong : {0, -2, 3})  // 8 rows
    CHECK(unstated([&](graph& g) { g.merge_heads("merge", "image", wrong); },
                   {"merge", std::to_string(wrong), "8"}) == "");
  // The channels of the value need not be those of the query, but the heads divide them, too.
  const auto value = [](graph& g) {
    g.attention("mix", "image", "image", g.convolution("value", "image", {.out_channels = 10}), 3);
  };
  CHECK(unstated(value, {"mix", "3", "6", "10"}) == "");
  const auto query = [](graph& g) {
    g.attention("mix", "image", "image", g.convolution("value", "image", {.out_channels = 8}), 4);
  };
  CHECK(unstated(query, {"mix", "4", "6", "8"}) == "");
}

TEST_CASE("query, key and value that do not fit are refused", "[structure][resolve]") {
  const auto with = [](const tensor_shape& key, const tensor_shape& value, const names& facts) {
    return unstated(
        [&](graph& g) {
          g.input("key", key);
          g.input("value", value);
          g.attention("mix", "image", "key", "value", 2);
        },
        facts);
  };
  CHECK(with({4, 5, 3}, {6, 5, 3}, {"mix", "6", "4"}) == "");
  CHECK(with({6, 5, 3}, {6, 5, 4}, {"mix", "15", "20"}) == "");
  CHECK(with({6, 5, 3}, {8, 3, 5}, {}) == "it was resolved");  // positions count, not their plane
}

TEST_CASE("an embedding that does not fit is refused", "[structure][resolve]") {
  const auto with = [](const operation::embedding& op, const tensor_shape& tokens,
                       const names& facts) {
    return unstated([&](graph& g) { g.embedding("table", g.input("tokens", tokens), op); }, facts);
  };
  CHECK(with({.vocabulary = 0, .features = 4}, {1, 5, 1}, {"table", "0", "4"}) == "");
  CHECK(with({.vocabulary = -7, .features = 4}, {1, 5, 1}, {"table", "-7", "4"}) == "");
  CHECK(with({.vocabulary = 11, .features = 0}, {1, 5, 1}, {"table", "11", "0"}) == "");
  CHECK(with({.vocabulary = 11, .features = -4}, {1, 5, 1}, {"table", "11", "-4"}) == "");
  CHECK(with({.vocabulary = 11, .features = 4}, {2, 5, 1}, {"table", "2"}) == "");
}

TEST_CASE("token numbers come from an input", "[structure][resolve]") {
  const auto declare = [](graph& g) {
    g.embedding("table", g.relu("computed", g.input("tokens", {1, 5, 1})),
                {.vocabulary = 11, .features = 4});
  };
  CHECK(unstated(declare, {"table", "computed"}) == "");
}

TEST_CASE("a dropout rate outside of [0, 1) is refused", "[structure][resolve]") {
  const auto with = [](double rate, const names& facts) {
    return unstated([&](graph& g) { g.dropout("drop", "image", rate); }, facts);
  };
  CHECK(with(-0.25, {"drop", "-0.25"}) == "");
  CHECK(with(1, {"drop", "1"}) == "");
  CHECK(with(1.5, {"drop", "1.5"}) == "");
  CHECK(with(std::numeric_limits<double>::quiet_NaN(), {"drop", "nan"}) == "");
  CHECK(with(0.999, {}) == "it was resolved");
}
