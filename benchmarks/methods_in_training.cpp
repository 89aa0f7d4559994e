// SPDX-License-Identifier: MIT
// What do the methods that work while a network is trained come to? Groups of rows, each at one
// budget, one recipe and beside its controls: filters that fade, filters that resemble each other,
// regularisers, weights that grow back, rewound weights, scores of movement, pruning by activations
// when the training is accurate enough, and policies. Every finished run is a line of the table
// file; a run of the program that was killed goes on where it stopped.
#include <prunus/pruning.hpp>
#include <prunus/regularize.hpp>
#include <prunus/schedule.hpp>
#include <prunus/search/policy_search.hpp>
#include <prunus/structure.hpp>

#include <CLI/CLI.hpp>
#include <support/criteria_catalogue.hpp>
#include <support/result_table.hpp>
#include <support/starting_point.hpp>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace {

using namespace prunus_examples;
using namespace prunus_benchmarks;
namespace nn = prunus::nn;
using network = nn::network<float>;
using optimizer = nn::optimizer<float, nn::sgd>;
using scheduler = prunus::scheduler<float>;

struct options {
  std::string data, table = "methods.csv";
  std::vector<std::string> groups;
  std::vector<std::uint64_t> seeds{1, 2, 3};
  std::ptrdiff_t train_images = 6000, validation_images = 2000, test_images = 5000;
  Index epochs = 8, tuning_epochs = 2, patience = 60;
  double rate = 0.05, tuning_rate = 0.02;
};

struct split {
  dataset train, validation, test;
};

struct outcome {
  double pruned = 0;  ///< accuracy when the last has gone, before any tuning
  double tuned = 0;
  double macs = 1, weights = 1;  ///< shares left
  double epochs = 0;             ///< of training, the dense start and the tuning included
};

/// What happens in a training besides training; steps are counted from 0.
struct hooks {
  std::function<void(Index)> before_update = [](Index) {}, after_step = [](Index) {};
};

/// A cosine of `epochs` epochs, of which those from `from` on are trained.
struct course {
  Index epochs = 1;
  double rate = 0.05;
  Index from = 0;
};

/// One seed: what all rows start from and how they train.
class workshop {
 public:
  workshop(const options& of, const split& images, std::uint64_t number)
      : chosen(of), data(images), seed(number) {}

  const options& chosen;
  const split& data;
  const std::uint64_t seed;

  [[nodiscard]] prunus::graph vgg() const {
    return nn::small_vgg(image(), data.train.classes, {8, 16, 32});
  }
  [[nodiscard]] prunus::graph lenet() const { return nn::lenet(image(), data.train.classes, 2); }
  [[nodiscard]] Index steps_in_epoch() const { return (data.train.size() + batch - 1) / batch; }
  [[nodiscard]] course whole() const { return {chosen.epochs, chosen.rate}; }
  [[nodiscard]] course tuning(Index times = 1) const {
    return {times * chosen.tuning_epochs, chosen.tuning_rate};
  }
  [[nodiscard]] double accuracy(network& net) const { return accuracy_of(net, data.test); }

  void train(network& net, const course& way, const hooks& with = {}) const {
    optimizer optimize(net, {.momentum = 0.9, .nesterov = true, .weight_decay = 5e-4});
    train(net, optimize, way, with);
  }
  void train(network& net, optimizer& optimize, const course& way, const hooks& with) const {
    nn::minibatches<float> batches(data.train.images, data.train.labels,
                                   {.batch = batch, .seed = seed});
    const Index steps = way.epochs * batches.count();
    const nn::cosine_decay rate{way.rate, steps, steps / 20};
    for (Index step = way.from * batches.count(); step < steps; ++step) {
      const auto b =
          batches(static_cast<std::uint64_t>(step / batches.count()), step % batches.count());
      nn::train_step<float>(net, optimize, b.images, b.labels, rate(step),
                            [&] { with.before_update(step); });
      with.after_step(step);
    }
  }
  /// Trains with a scheduler that is told of every step that was done.
  void train(network& net, optimizer& optimize, scheduler& timeline, const course& way,
             bool gradients_of_removed = false) const {
    train(net, optimize, way,
          {[&](Index) {
             if (!gradients_of_removed) timeline.mask_gradients();
           },
           [&](Index step) {
             timeline.step({.step = step + 1});
             timeline.mask_optimizer_state();
           }});
  }
  /// The dense network after all epochs, trained once.
  [[nodiscard]] std::unique_ptr<network> dense(const prunus::graph& graph) {
    for (const auto& [trained, tensors] : trained_)
      if (prunus::cost_of(prunus::resolve(trained)) == prunus::cost_of(prunus::resolve(graph)))
        return std::make_unique<network>(graph, tensors);
    auto net = fresh(graph);
    train(*net, whole());
    trained_.emplace_back(graph, net->tensors());
    return net;
  }
  [[nodiscard]] std::unique_ptr<network> fresh(const prunus::graph& graph) const {
    return std::make_unique<network>(graph, nn::network_options{.seed = seed});
  }

  /// What is left of a network whose removed filters are zero: made smaller, measured, tuned.
  [[nodiscard]] outcome compacted(network& net, const course& tuned, Index epochs) const {
    const prunus::plan plan = prunus::plan_removal(net.graph(), net.model());
    network small(prunus::compact(net.graph(), plan), prunus::compact(net.model(), plan));
    const auto share = [](Index after, Index before) {
      return static_cast<double>(after) / static_cast<double>(before);
    };
    outcome o{accuracy(small), 0, share(plan.after.macs, plan.before.macs),
              share(plan.after.parameters, plan.before.parameters),
              static_cast<double>(epochs + tuned.epochs)};
    train(small, tuned);
    o.tuned = accuracy(small);
    return o;
  }

  static constexpr Index batch = 64;

 private:
  [[nodiscard]] prunus::tensor_shape image() const {
    return {data.train.channels, data.train.height, data.train.width};
  }
  std::vector<std::pair<prunus::graph, prunus::named_tensors<float>>> trained_;
};

/// Share of the weights of rank above 1 that are not zero.
double weights_left(const network& net) {
  Index all = 0, left = 0;
  for (const auto& p : net.model().parameters()) {
    if (p.weight.rank < 2) continue;
    const Eigen::Map<const Eigen::ArrayXf> weights(p.weight.data, p.weight.size());
    all += weights.size();
    left += (weights != 0).cast<Index>().sum();
  }
  return static_cast<double>(left) / static_cast<double>(all);
}

/// The networks: small convolutions with batch normalisation, which makes the size of a filter
/// mean nothing to the outputs, and a LeNet without.
struct network_kind {
  std::string suffix;  ///< of the groups of its rows
  prunus::graph (workshop::*graph)() const;
};
const network_kind normalised{"", &workshop::vgg},
    plain{" without normalisation", &workshop::lenet};

struct way {
  std::string group, name;
  std::function<outcome(workshop&)> run;
};

// ---- Filters that fade: half of the filters of every layer, an event an epoch, from new weights.

template <class Action>
way fading(const network_kind& of, const char* name, const Action& action) {
  return {
      "fading" + of.suffix, name, [=](workshop& w) {
        auto net = w.fresh((w.*of.graph)());
        optimizer optimize(*net, {.momentum = 0.9, .nesterov = true, .weight_decay = 5e-4});
        scheduler timeline(net->model());
        const Index every = w.steps_in_epoch();
        timeline.add(
            prunus::constant_sparsity{
                .sparsity = 0.5, .begin = every, .end = w.chosen.epochs * every, .every = every},
            prunus::pass{prunus::l2_norm{}, prunus::filter, prunus::uniform{}, action(w)});
        w.train(*net, optimize, timeline, w.whole());
        std::fputs(timeline.finish().message().c_str(), stderr);
        return w.compacted(*net, w.tuning(), w.chosen.epochs);
      }};
}

// ---- Filters that resemble each other: 60 % of the MACs, no rates for layers.

template <class Criterion>
prunus::any_pass<float> to_macs(const network& net, const Criterion& criterion, bool soft) {
  const prunus::macs_target fit{net.graph(),
                                prunus::global{.scaling = std::is_same_v<Criterion, prunus::l2_norm>
                                                              ? prunus::score_scaling::mean
                                                              : prunus::score_scaling::none}};
  if (soft) return prunus::pass{criterion, prunus::filter, fit, prunus::soft{}};
  return prunus::pass{criterion, prunus::filter, fit};
}

template <class Criterion>
void add_similar(std::vector<way>& to, const network_kind& of, const std::string& name,
                 const Criterion& criterion) {
  constexpr double target = 0.6;
  const Index rounds = 4;
  const std::string group = "similar" + of.suffix;
  to.push_back({group, name + " one-shot", [=](workshop& w) {
                  auto net = w.dense((w.*of.graph)());
                  (void)prunus::prune(net->model(), to_macs(*net, criterion, false), target);
                  return w.compacted(*net, w.tuning(2), w.chosen.epochs);
                }});
  to.push_back(
      {group, name + " iterative hard", [=](workshop& w) {
         auto net = w.dense((w.*of.graph)());
         optimizer optimize(*net, {.momentum = 0.9, .nesterov = true, .weight_decay = 5e-4});
         scheduler timeline(net->model());
         const Index steps = w.chosen.tuning_epochs * w.steps_in_epoch();
         timeline.add(
             prunus::exponential_ramp{.initial_sparsity = 1 - std::pow(1 - target, 1.0 / rounds),
                                      .final_sparsity = target,
                                      .begin = 1,
                                      .end = 1 + (rounds - 1) * (steps / rounds),
                                      .every = steps / rounds},
             to_macs(*net, criterion, false));
         w.train(*net, optimize, timeline, w.tuning());
         return w.compacted(*net, w.tuning(), w.chosen.epochs + w.chosen.tuning_epochs);
       }});
  to.push_back({group, name + " iterative soft", [=](workshop& w) {
                  auto net = w.dense((w.*of.graph)());
                  optimizer optimize(*net,
                                     {.momentum = 0.9, .nesterov = true, .weight_decay = 5e-4});
                  scheduler timeline(net->model());
                  const Index steps = w.chosen.tuning_epochs * w.steps_in_epoch();
                  timeline.add(prunus::constant_sparsity{.sparsity = target,
                                                         .begin = steps / rounds,
                                                         .end = rounds * (steps / rounds),
                                                         .every = steps / rounds},
                               to_macs(*net, criterion, true));
                  w.train(*net, optimize, timeline, w.tuning());
                  std::fputs(timeline.finish().message().c_str(), stderr);
                  return w.compacted(*net, w.tuning(), w.chosen.epochs + w.chosen.tuning_epochs);
                }});
}

// ---- Regularisers: three quarters of the units of every layer of a LeNet, no normalisation.

const auto three_quarters = prunus::pass{prunus::l1_norm{}, prunus::filter};

outcome one_shot_lenet(workshop& w, double lasso) {
  auto net = w.fresh(w.lenet());
  const prunus::group_lasso penalty{.strength = lasso};
  w.train(*net, w.whole(), {[&](Index) {
    if (lasso > 0) penalty.add_gradient(net->model());
  }});
  (void)prunus::prune(net->model(), three_quarters, 0.75);
  return w.compacted(*net, w.tuning(2), w.chosen.epochs);
}

outcome growing_lenet(workshop& w) {
  auto net = w.dense(w.lenet());
  optimizer optimize(*net, {.momentum = 0.9, .nesterov = true, .weight_decay = 5e-4});
  scheduler timeline(net->model());
  timeline.add(
      prunus::one_shot{.sparsity = 0.75},
      prunus::pass{prunus::l1_norm{}, prunus::filter, prunus::uniform{}, prunus::select_only{}});
  timeline.step({.step = 0});
  const double steps = static_cast<double>(w.chosen.tuning_epochs * w.steps_in_epoch());
  const prunus::growing_regularization growing{.increment = 1 / steps, .every = 1};
  w.train(*net, optimize, w.tuning(),
          {[&](Index step) { growing.add_gradient(net->model(), *timeline.states()[0], step); }});
  std::fputs(timeline.finish().message().c_str(), stderr);
  return w.compacted(*net, w.tuning(), w.chosen.epochs + w.chosen.tuning_epochs);
}

// ---- Weights that grow back: a tenth of the weights of every layer, from new weights.

template <class Schedule, class Criterion, class Action>
way sparse(const char* name, const Schedule& schedule, const Criterion& criterion,
           const Action& action) {
  return {
      "growth", name, [=](workshop& w) {
        auto net = w.fresh(w.vgg());
        optimizer optimize(*net, {.momentum = 0.9, .nesterov = true, .weight_decay = 5e-4});
        scheduler timeline(net->model());
        const Index steps = w.chosen.epochs * w.steps_in_epoch();
        timeline.add(
            schedule(steps),
            prunus::pass{criterion(w), prunus::element, prunus::uniform{}, action(steps)}.within(
                {.exclude = {"conv1.*", "fc.*"}}));
        timeline.step({.step = 0});
        w.train(*net, optimize, timeline, w.whole(), true);
        const double reached = w.accuracy(*net);
        return outcome{reached, reached, 1, weights_left(*net),
                       static_cast<double>(w.chosen.epochs)};
      }};
}

// ---- Rewinding: 95 % of the weights of a trained network go, then as many epochs again.

outcome rewound(workshop& w, Index to_epoch, bool weights, std::uint64_t other_seed) {
  auto net = w.fresh(w.vgg());
  prunus::weight_snapshot<float> early(net->model());
  w.train(*net, w.whole(),
          {[](Index) {},
           [&](Index step) {
             if (step + 1 == to_epoch * w.steps_in_epoch())
               early = prunus::weight_snapshot<float>(net->model());
           }});
  const prunus::pruned result = prunus::prune(
      net->model(), prunus::pass{prunus::l1_norm{}, prunus::element, prunus::global{}}, 0.95);
  const double pruned = w.accuracy(*net);
  network other(w.vgg(), {.seed = other_seed});
  network& again = other_seed > 0 ? other : *net;
  optimizer optimize(again, {.momentum = 0.9, .nesterov = true, .weight_decay = 5e-4});
  if (other_seed > 0)
    prunus::hold(again.model(), result.masks);
  else if (weights)
    early.rewind(again.model(), result.masks, prunus::optimizer_buffers::zero);
  w.train(again, optimize, {w.chosen.epochs, w.chosen.rate, to_epoch},
          {[](Index) {}, [&](Index) { prunus::hold(again.model(), result.masks); }});
  return {pruned, w.accuracy(again), 1, weights_left(again),
          static_cast<double>(2 * w.chosen.epochs - to_epoch)};
}

// ---- Movement: 90 % of the weights of a trained network go while it is tuned.

template <class Criterion, class Action>
way while_tuned(const char* name, const Criterion& criterion, const Action& action) {
  return {"movement", name, [=](workshop& w) {
            auto net = w.dense(w.vgg());
            optimizer optimize(*net, {.momentum = 0.9, .nesterov = true, .weight_decay = 5e-4});
            prunus::movement_scores<float> scores(net->model(), prunus::element);
            scheduler timeline(net->model());
            const course tuning = w.tuning(2);
            const Index steps = tuning.epochs * w.steps_in_epoch();
            timeline.add(
                prunus::cubic_ramp{
                    .final_sparsity = 0.9, .begin = steps / 8, .end = steps / 2, .every = 10},
                prunus::pass{criterion(scores, w.seed), prunus::element, prunus::uniform{}, action}
                    .within({.exclude = {"conv1.*", "fc.*"}}));
            w.train(*net, optimize, tuning,
                    {[&](Index) { scores.step(net->model()); },
                     [&](Index step) {
                       timeline.step({.step = step + 1});
                       if (step + 1 == steps / 2)  // soft selections, too
                         std::fputs(timeline.finish().message().c_str(), stderr);
                     }});
            const double reached = w.accuracy(*net);
            return outcome{reached, reached, 1, weights_left(*net),
                           static_cast<double>(w.chosen.epochs + tuning.epochs)};
          }};
}

// ---- Pruning by activations, when the training is accurate enough: the network, events and
// thresholds of the authors' code.

enum class dead_units { stay, fold, drop };

/// 80 % of all kernels go in five events; training goes on, all masks held, until it is 98 %
/// accurate or patience ends.
template <class MakePass>
outcome by_accuracy(workshop& w, dead_units dead, const MakePass& make_pass) {
  prunus::graph g;
  std::string x =
      g.input("image", {w.data.train.channels, w.data.train.height, w.data.train.width});
  x = g.flatten("flatten", x);
  int layer = 0;
  for (const Index width : {300, 200, 100, 50}) {
    const std::string number = std::to_string(++layer);
    x = g.relu("relu" + number, g.linear("fc" + number, x, {.out_features = width}));
  }
  g.linear("fc5", x, {.out_features = w.data.train.classes});
  network net(g, {.seed = w.seed, .keep_activations = true});
  optimizer optimize(net, {.momentum = 0, .weight_decay = 0});
  prunus::activation_statistics active;
  std::optional<scheduler> timeline;
  if (const auto pass = make_pass(active)) {
    timeline.emplace(net.model());
    double hidden = 0;
    for (int k = 1; k < layer + 1; ++k)
      hidden += static_cast<double>(net.model()[joined("fc", k, ".weight")].weight.size());
    const double last = static_cast<double>(net.model()["fc5.weight"].weight.size());
    // The share is one of all kernels, the last included.
    timeline->add(prunus::accuracy_steps{.final_sparsity = 0.8 * (hidden + last) / hidden}, *pass);
  }
  nn::minibatches<float> batches(w.data.train.images, w.data.train.labels,
                                 {.batch = 32, .seed = w.seed});
  prunus::named_masks unread;
  Index step = 0, epoch = 0;
  for (double reached = 0; reached < 0.98 && epoch < w.chosen.patience; ++epoch) {
    Index correct = 0;
    for (Index b = 0; b < batches.count(); ++b) {
      const auto part = batches(static_cast<std::uint64_t>(epoch), b);
      correct += nn::train_step<float>(net, optimize, part.images, part.labels, w.chosen.rate, [&] {
                   nn::observe_outputs(net, active);
                 }).correct;
      if (timeline) timeline->step({.step = ++step, .epoch = epoch});
      prunus::hold(net.model(), unread);
    }
    reached = static_cast<double>(correct) / static_cast<double>(w.data.train.size());
    if (timeline &&
        timeline->step({.step = step, .epoch = epoch + 1, .accuracy = reached}).pruned() &&
        dead != dead_units::stay)
      for (const auto& [name, mask] :
           prunus::propagate_dead_units(net.graph(), net.model(),
                                        dead == dead_units::fold ? prunus::dead_constants::fold
                                                                 : prunus::dead_constants::drop))
        unread.add_or_join(name, mask);
  }
  const double reached = w.accuracy(net);
  return {reached, reached, 1, weights_left(net), static_cast<double>(epoch)};
}

std::optional<prunus::any_pass<float>> hidden_weights(const auto& criterion) {
  return prunus::any_pass<float>(
      prunus::pass{criterion, prunus::element, prunus::global{}}.within({.exclude = {"fc5.*"}}));
}

// ---- Policies: criteria x distributions over the depth at the MACs of half of the filters.

const std::vector<prunus::policy_criterion> policy_criteria{{"random", 3},
                                                            {"l2_norm", 1},
                                                            {"class_ablation front to back", 1},
                                                            {"class_ablation at once", 1}};
const std::vector<std::pair<std::string, prunus::depth_shape>> policy_shapes{
    {"even", prunus::depth_shape::uniform},
    {"increasing", prunus::depth_shape::increasing},
    {"decreasing", prunus::depth_shape::decreasing},
    {"low-high-low", prunus::depth_shape::low_high_low},
    {"high-low-high", prunus::depth_shape::high_low_high}};

/// The whole grid of one seed; rows of the table are its policies on the test images, and the one
/// that the validation images choose.
void search_policies(workshop& w, const std::function<void(const std::string&, outcome)>& add) {
  const class_sample classes(w.data.train, 5);
  std::vector<std::string> shapes;
  for (const auto& [name, shape] : policy_shapes) shapes.push_back(name);
  std::vector<outcome> tested(policy_criteria.size() * shapes.size());
  const auto place = [&](Index criterion, Index distribution) {
    return static_cast<std::size_t>(criterion) * shapes.size() +
           static_cast<std::size_t>(distribution);
  };
  const prunus::policy_report report =
      prunus::policy_search(policy_criteria, shapes, [&](const prunus::policy_trial& trial) {
        auto net = w.dense(w.vgg());
        const prunus::depth_distribution rates{
            net->graph(), policy_shapes[static_cast<std::size_t>(trial.distribution)].second};
        const auto by = [&](const auto& criterion) {
          return prunus::pass{criterion, prunus::filter, rates};
        };
        const prunus::class_ablation ablation{[&] { return classes.losses(*net); }};
        const auto seed = 10 * w.seed + static_cast<std::uint64_t>(trial.repeat);
        switch (trial.criterion) {
          case 0:
            (void)prunus::prune(net->model(), by(prunus::random_score{seed}), 0.5);
            break;
          case 1:
            (void)prunus::prune(net->model(), by(prunus::l2_norm{}), 0.5);
            break;
          case 2:
            (void)prunus::prune(net->model(), prunus::front_to_back{by(ablation)}, 0.5);
            break;
          default:
            (void)prunus::prune(net->model(), by(ablation), 0.5);
        }
        const prunus::plan plan = prunus::plan_removal(net->graph(), net->model());
        network small(prunus::compact(net->graph(), plan), prunus::compact(net->model(), plan));
        outcome& o = tested[place(trial.criterion, trial.distribution)];
        const double part =
            1 /
            static_cast<double>(policy_criteria[static_cast<std::size_t>(trial.criterion)].repeats);
        const double left = static_cast<double>(plan.after.parameters);
        o.pruned += part * w.accuracy(small);
        w.train(small, w.tuning());
        o.tuned += part * w.accuracy(small);
        o.macs = static_cast<double>(plan.after.macs) / static_cast<double>(plan.before.macs);
        o.weights = left / static_cast<double>(plan.before.parameters);
        o.epochs = static_cast<double>(w.chosen.epochs + w.chosen.tuning_epochs);
        return prunus::policy_outcome{accuracy_of(small, w.data.validation), left};
      });
  for (std::size_t c = 0; c < policy_criteria.size(); ++c)
    for (std::size_t d = 0; d < shapes.size(); ++d)
      add(policy_criteria[c].name + " " + shapes[d],
          tested[place(static_cast<Index>(c), static_cast<Index>(d))]);
  const prunus::policy_trial best = report.best();
  std::printf("seed %lu: best on validation %s %s; spread of all %.2f points\n",
              static_cast<unsigned long>(w.seed),
              report.criteria[static_cast<std::size_t>(best.criterion)].c_str(),
              shapes[static_cast<std::size_t>(best.distribution)].c_str(), 100 * report.spread());
  add("chosen on validation images", tested[place(best.criterion, best.distribution)]);
}

std::vector<way> all_ways() {
  const auto dense = [](const std::string& group, prunus::graph (workshop::*graph)() const,
                        Index times) {
    return way{group, "dense", [=](workshop& w) {
                 auto net = w.dense((w.*graph)());
                 const double reached = w.accuracy(*net);
                 if (times > 0) w.train(*net, w.tuning(times));
                 return outcome{
                     reached, w.accuracy(*net), 1, 1,
                     static_cast<double>(w.chosen.epochs + times * w.chosen.tuning_epochs)};
               }};
  };
  const auto given = [](const auto& action) { return [action](const auto&) { return action; }; };
  const auto events = [](auto action) {
    return [action](const workshop& w) {
      auto result = action;
      result.duration = w.chosen.epochs;
      return result;
    };
  };
  std::vector<way> ways;
  for (const network_kind& of : {normalised, plain}) {
    ways.push_back(dense("fading" + of.suffix, of.graph, 1));
    ways.push_back(fading(of, "hard after the first epoch", given(prunus::hard{})));
    ways.push_back(
        {"fading" + of.suffix, "hard after the last epoch", [=](workshop& w) {
           auto net = w.dense((w.*of.graph)());
           (void)prunus::prune(net->model(), prunus::pass{prunus::l2_norm{}, prunus::filter}, 0.5);
           return w.compacted(*net, w.tuning(), w.chosen.epochs);
         }});
    ways.push_back(fading(of, "soft", given(prunus::soft{})));
    ways.push_back(fading(of, "linear_decay", events(prunus::linear_decay{})));
    ways.push_back(
        fading(of, "logistic_decay: factors multiply up", events(prunus::logistic_decay{})));
    ways.push_back(fading(
        of, "logistic_decay: the curve is the whole factor",
        events(prunus::logistic_decay{.semantics = prunus::decay_semantics::cumulative_target})));
    ways.push_back(dense("similar" + of.suffix, of.graph, 2));
    add_similar(ways, of, "l2_norm", prunus::l2_norm{});
    add_similar(ways, of, "filter_similarity", prunus::filter_similarity{});
  }
  ways.push_back(dense("regularize", &workshop::lenet, 2));
  ways.push_back({"regularize", "one-shot", [](workshop& w) { return one_shot_lenet(w, 0); }});
  for (const double strength : {1e-4, 1e-3, 1e-2})
    ways.push_back({"regularize", joined("group_lasso ", strength, " then one-shot"),
                    [strength](workshop& w) { return one_shot_lenet(w, strength); }});
  ways.push_back({"regularize", "growing_regularization", growing_lenet});

  const auto from_start = [](Index) { return prunus::one_shot{.sparsity = 0.9}; };
  const auto moving = [](Index steps) {
    return prunus::constant_sparsity{.sparsity = 0.9, .end = steps * 3 / 4, .every = 20};
  };
  const auto ramp = [](Index steps) {
    return prunus::cubic_ramp{
        .final_sparsity = 0.9, .begin = steps / 4, .end = steps / 2, .every = 20};
  };
  const auto magnitude = [](const workshop&) { return prunus::l1_norm{}; };
  const auto chance = [](const workshop& w) { return prunus::random_score{w.seed}; };
  const auto grow = [](prunus::growth kind) {
    return [kind](Index steps) {
      return prunus::drop_and_grow{.duration = std::max<Index>(steps * 3 / 4 / 20, 1),
                                   .grow = kind};
    };
  };
  ways.push_back(dense("growth", &workshop::vgg, 0));
  ways.push_back(sparse("control: one random mask", from_start, chance, given(prunus::hard{})));
  ways.push_back(
      sparse("drop_and_grow at random", moving, magnitude, grow(prunus::growth::random)));
  ways.push_back(
      sparse("drop_and_grow by gradient", moving, magnitude, grow(prunus::growth::gradient)));
  ways.push_back(sparse("dense at first: cubic_ramp", ramp, magnitude, given(prunus::hard{})));

  ways.push_back(dense("rewinding", &workshop::vgg, 0));
  ways.push_back({"rewinding", "rate rewound to epoch 1",
                  [](workshop& w) { return rewound(w, 1, false, 0); }});
  ways.push_back({"rewinding", "weights rewound to epoch 1",
                  [](workshop& w) { return rewound(w, 1, true, 0); }});
  ways.push_back({"rewinding", "weights rewound to the start",
                  [](workshop& w) { return rewound(w, 0, true, 0); }});
  ways.push_back({"rewinding", "control: the mask with other first weights",
                  [](workshop& w) { return rewound(w, 0, false, w.seed + 100); }});

  using scores = prunus::movement_scores<float>;
  const auto by_magnitude = [](const scores&, std::uint64_t) { return prunus::l1_norm{}; };
  const auto by_movement = [](const scores& s, std::uint64_t) { return prunus::movement{s}; };
  const auto by_chance = [](const scores&, std::uint64_t seed) {
    return prunus::random_score{seed};
  };
  ways.push_back(dense("movement", &workshop::vgg, 2));
  ways.push_back(while_tuned("control: random hard", by_chance, prunus::hard{}));
  ways.push_back(while_tuned("l1_norm hard", by_magnitude, prunus::hard{}));
  ways.push_back(while_tuned("movement hard", by_movement, prunus::hard{}));
  ways.push_back(while_tuned("movement soft", by_movement, prunus::soft{}));

  using statistics = prunus::activation_statistics;
  ways.push_back({"activations", "dense", [](workshop& w) {
                    return by_accuracy(w, dead_units::stay, [](const statistics&) {
                      return std::optional<prunus::any_pass<float>>();
                    });
                  }});
  const auto counted = [](const statistics& s) {
    return hidden_weights(prunus::activation_count{s});
  };
  ways.push_back({"activations", "activation_count: dead units stay",
                  [=](workshop& w) { return by_accuracy(w, dead_units::stay, counted); }});
  ways.push_back({"activations", "activation_count: dead units folded",
                  [=](workshop& w) { return by_accuracy(w, dead_units::fold, counted); }});
  ways.push_back({"activations", "activation_count: dead units dropped",
                  [=](workshop& w) { return by_accuracy(w, dead_units::drop, counted); }});
  ways.push_back({"activations", "l1_norm: dead units folded", [](workshop& w) {
                    return by_accuracy(w, dead_units::fold, [](const statistics&) {
                      return hidden_weights(prunus::l1_norm{});
                    });
                  }});
  return ways;
}

void print_group(const result_table& table, const std::string& group) {
  std::printf("\n| %s | as pruned, %% | tuned, %% | MACs | weights | epochs |\n", group.c_str());
  std::printf("| --- | --- | --- | --- | --- | --- |\n");
  std::vector<std::string> names;
  for (const auto& r : table.rows())
    if (r.key[0] == group && std::find(names.begin(), names.end(), r.key[1]) == names.end())
      names.push_back(r.key[1]);
  for (const std::string& name : names) {
    std::vector<std::vector<double>> columns(5);
    for (const auto& r : table.rows())
      if (r.key[0] == group && r.key[1] == name)
        for (std::size_t c = 0; c < columns.size(); ++c)
          columns[c].push_back((c < 2 ? 100 : 1) * r.values[c]);
    std::printf("| %s |", name.c_str());
    for (std::size_t c = 0; c < columns.size(); ++c) {
      const auto [mean, deviation] = spread(columns[c]);
      std::printf(c < 2   ? " %.2f ± %.2f |"
                  : c < 4 ? " %.3f ± %.3f |"
                          : " %.0f ± %.0f |",
                  mean, deviation);
    }
    std::printf("\n");
  }
}

int run(const options& chosen) {
  data_split given = load_normalised(
      data_directory(chosen.data),
      {.train = chosen.train_images + chosen.validation_images, .test = chosen.test_images});
  const auto part = [&](std::ptrdiff_t first, std::ptrdiff_t count) {
    dataset result = given.train;
    const auto from = given.train.images.begin() + first * given.train.pixels();
    result.images.assign(from, from + count * given.train.pixels());
    result.labels.assign(given.train.labels.begin() + first,
                         given.train.labels.begin() + first + count);
    return result;
  };
  const std::ptrdiff_t learn = given.train.size() - chosen.validation_images;
  if (learn < 1)
    throw prunus::argument_error(
        prunus::errc::out_of_range,
        joined("of ", given.train.size(), " training images --validation-images ",
               chosen.validation_images, " leave none to learn from"));
  const split data{part(0, learn), part(learn, chosen.validation_images), given.test};
  result_table table(chosen.table, {"group", "way", "seed"},
                     {"accuracy_pruned", "accuracy_tuned", "macs", "weights", "epochs"});
  const auto wanted = [&](const std::string& group) {
    return chosen.groups.empty() ||
           std::find(chosen.groups.begin(), chosen.groups.end(), group) != chosen.groups.end();
  };
  for (const std::uint64_t seed : chosen.seeds) {
    workshop w(chosen, data, seed);
    const auto add = [&](const std::string& group, const std::string& name, const outcome& o) {
      table.add(
          {{group, name, std::to_string(seed)}, {o.pruned, o.tuned, o.macs, o.weights, o.epochs}});
      std::printf(
          "seed %lu, %s, %s: %.2f %% as pruned, %.2f %% tuned, %.3f of the MACs, %.3f of the "
          "weights\n",
          static_cast<unsigned long>(seed), group.c_str(), name.c_str(), 100 * o.pruned,
          100 * o.tuned, o.macs, o.weights);
      std::fflush(stdout);
    };
    for (const way& each : all_ways())
      if (wanted(each.group) &&
          table.find({each.group, each.name, std::to_string(seed)}) == nullptr)
        add(each.group, each.name, each.run(w));
    const std::string policies = "policies";
    if (wanted(policies) &&
        table.find({policies, "chosen on validation images", std::to_string(seed)}) == nullptr)
      search_policies(w,
                      [&](const std::string& name, const outcome& o) { add(policies, name, o); });
  }
  std::vector<std::string> groups;
  for (const auto& r : table.rows())
    if (std::find(groups.begin(), groups.end(), r.key[0]) == groups.end())
      groups.push_back(r.key[0]);
  for (const std::string& group : groups) print_group(table, group);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  options chosen;
  CLI::App app("Compares methods that work while a network is trained, each beside its controls.");
  app.add_option("--data", chosen.data,
                 "folder with MNIST, Fashion-MNIST or CIFAR-10; else $PRUNUS_DATA, else digits");
  app.add_option("--table", chosen.table, "file of the results, also what to go on from")
      ->capture_default_str();
  app.add_option("--groups", chosen.groups, "only these")
      ->check(CLI::IsMember({"fading", "similar", "fading without normalisation",
                             "similar without normalisation", "regularize", "growth", "rewinding",
                             "movement", "activations", "policies"}));
  app.add_option("--seeds", chosen.seeds)->capture_default_str();
  app.add_option("--train-images", chosen.train_images, "to learn from")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--validation-images", chosen.validation_images, "to choose the policy by")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--test-images", chosen.test_images)
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--epochs", chosen.epochs, "of the training before or while filters go")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--tuning-epochs", chosen.tuning_epochs)
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--patience", chosen.patience, "epochs at most of pruning by activations")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--learning-rate", chosen.rate)->capture_default_str();
  app.add_option("--tuning-rate", chosen.tuning_rate)->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  try {
    return run(chosen);
  } catch (const std::exception& problem) {
    std::fprintf(stderr, "methods_in_training: %s\n", problem.what());
    return 1;
  }
}
