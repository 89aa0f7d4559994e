// SPDX-License-Identifier: MIT
// Your own buffers and your own training loop: a layer of 64 neurons learns to tell the inside of a
// circle from the outside, loses three quarters of its neurons while it learns, and ends as smaller
// matrices that give the same answers.
#include <prunus/prunus.hpp>

#include <Eigen/Core>

#include <cstdio>
#include <cstdlib>

using Eigen::MatrixXf;
using Eigen::VectorXf;

int main() {
  std::srand(7);  // of Eigen's Random
  const MatrixXf x = MatrixXf::Random(2, 500);
  const MatrixXf truth = (x.colwise().squaredNorm().array() < 0.5F).cast<float>() * 2 - 1;
  MatrixXf w1 = MatrixXf::Random(64, 2) * 2, w2 = MatrixXf::Random(1, 64) * 0.2F;
  VectorXf b1 = VectorXf::Random(64);

  prunus::model<float> net;  // what there is
  net.add("hidden.weight", prunus::view(w1));
  net.add("hidden.bias", prunus::view(b1));
  net.add("out.weight", prunus::view(w2));

  prunus::graph graph;  // who feeds whom
  graph.relu("relu",
             graph.linear("hidden", graph.input("x", {.channels = 2}), {.out_features = 64}));
  graph.linear("out", "relu", {.out_features = 1, .bias = false});
  const prunus::network_structure network(graph);
  prunus::couple(net, network);

  prunus::scheduler scheduler{net};  // what is to happen, and when
  scheduler.add(prunus::cubic_ramp{.final_sparsity = 0.75, .begin = 200, .end = 1500, .every = 100},
                prunus::pass{prunus::l2_norm{}, prunus::filter});

  const auto hidden = [&] { return MatrixXf(((w1 * x).colwise() + b1).cwiseMax(0.0F)); };
  for (long step = 0; step < 3000; ++step) {  // your training, whatever it is
    const float rate = 0.1F / static_cast<float>(x.cols());
    const MatrixXf h = hidden(), error = w2 * h - truth;
    const MatrixXf gradient = (w2.transpose() * error).cwiseProduct(h.cwiseSign());
    w2 -= rate * error * h.transpose();
    w1 -= rate * gradient * x.transpose();
    b1 -= rate * gradient.rowwise().sum();
    scheduler.step({.step = step + 1});  // prunes when due, and keeps what is pruned at zero
  }
  std::fputs(scheduler.finish().message().c_str(), stderr);  // empty: the schedule came to its end

  const MatrixXf masked = w2 * hidden();
  const prunus::plan plan = prunus::plan_removal(network, net);
  const auto smaller = prunus::compact(net, plan);  // copies of what stays
  smaller["hidden.weight"].to(w1);
  smaller["hidden.bias"].to(b1);
  smaller["out.weight"].to(w2);
  const MatrixXf compacted = w2 * hidden();

  const float difference = (compacted - masked).cwiseAbs().maxCoeff();
  const double right = (compacted.array() * truth.array() > 0).cast<double>().mean();
  std::printf("%ld -> %ld parameters, %.1f %% right, masked and compacted differ by %.1e at most\n",
              static_cast<long>(plan.before.parameters), static_cast<long>(plan.after.parameters),
              100 * right, static_cast<double>(difference));
  return right > 0.95 && difference < 1e-5F ? EXIT_SUCCESS : EXIT_FAILURE;
}
