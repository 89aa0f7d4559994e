// SPDX-License-Identifier: MIT
// Your own buffers and your own training loop: three Eigen matrices learn a spiral, lose 75 % of
// their hidden neurons while they learn, and end as three smaller matrices that give the same
// answers.
#include <prunus/prunus.hpp>

#include <Eigen/Core>

#include <cmath>
#include <cstdio>

using Eigen::MatrixXf;
using Eigen::VectorXf;

MatrixXf relu(const MatrixXf& x) { return x.cwiseMax(0.0F); }

int main() {
  // Two spirals, one of each class.
  const Eigen::Index samples = 400;
  MatrixXf x(2, samples), truth(1, samples);
  for (Eigen::Index i = 0; i < samples; ++i) {
    const float t = 0.5F + 4.5F * static_cast<float>(i) / static_cast<float>(samples);
    const float sign = i % 2 == 0 ? 1.0F : -1.0F;
    x.col(i) << sign * t * std::cos(t) / 5, sign * t * std::sin(t) / 5;
    truth(i) = sign;
  }

  std::srand(7);  // Eigen's Random
  MatrixXf w1 = MatrixXf::Random(64, 2) * 2, w2 = MatrixXf::Random(64, 64) * 0.2F,
           w3 = MatrixXf::Random(1, 64) * 0.2F;
  VectorXf b1 = VectorXf::Random(64), b2 = VectorXf::Zero(64);
  const auto answers = [&] {
    return MatrixXf(w3 * relu((w2 * relu((w1 * x).colwise() + b1)).colwise() + b2));
  };

  // --- prunus: what there is, what is to happen, and when ---
  prunus::model<float> net;
  net.add("layer1.weight", prunus::view(w1));
  net.add("layer1.bias", prunus::view(b1));
  net.add("layer2.weight", prunus::view(w2));
  net.add("layer2.bias", prunus::view(b2));
  net.add("layer3.weight", prunus::view(w3));

  prunus::graph graph;
  graph.input("x", {.channels = 2});
  graph.relu("relu1", graph.dense("layer1", "x", {.out_features = 64}));
  graph.relu("relu2", graph.dense("layer2", "relu1", {.out_features = 64}));
  graph.dense("layer3", "relu2", {.out_features = 1, .bias = false});
  prunus::couple(net, graph);

  prunus::scheduler scheduler{net};
  scheduler.add(prunus::cubic{.final_sparsity = 0.75, .begin = 500, .end = 2500, .every = 100},
                prunus::pass{prunus::l2_norm{}, prunus::filter, prunus::uniform{}, prunus::hard{}});

  // --- your training loop; one line of it is prunus's ---
  for (long step = 0; step < 5000; ++step) {
    const float rate = 0.1F / static_cast<float>(samples);
    const MatrixXf h1 = relu((w1 * x).colwise() + b1), h2 = relu((w2 * h1).colwise() + b2);
    const MatrixXf error = w3 * h2 - truth;
    const MatrixXf d2 =
        (w3.transpose() * error).cwiseProduct((h2.array() > 0).cast<float>().matrix());
    const MatrixXf d1 = (w2.transpose() * d2).cwiseProduct((h1.array() > 0).cast<float>().matrix());
    w3 -= rate * error * h2.transpose();
    w2 -= rate * d2 * h1.transpose();
    b2 -= rate * d2.rowwise().sum();
    w1 -= rate * d1 * x.transpose();
    b1 -= rate * d1.rowwise().sum();
    scheduler.step({.step = step});
  }

  // --- take out of the tensors what is out of the mask ---
  const MatrixXf masked = answers();
  const prunus::plan plan = prunus::plan_removal(graph, net);
  const auto smaller = prunus::compact(net, plan);  // copies; your buffers are untouched
  const auto assign = [](MatrixXf& target, const prunus::named_tensor<float>& t) {
    target = Eigen::Map<const MatrixXf>(t.values.data(), t.view().extent(prunus::axis::out),
                                        t.view().extent(prunus::axis::in));
  };
  assign(w1, smaller[0]);
  b1 = Eigen::Map<const VectorXf>(smaller[1].values.data(), w1.rows());
  assign(w2, smaller[2]);
  b2 = Eigen::Map<const VectorXf>(smaller[3].values.data(), w2.rows());
  assign(w3, smaller[4]);

  const float difference = (answers() - masked).cwiseAbs().maxCoeff();
  const double right = (answers().array() * truth.array() > 0).cast<double>().mean();
  std::printf("%ld -> %ld parameters, hidden layers of %ld and %ld neurons\n",
              static_cast<long>(plan.before.parameters), static_cast<long>(plan.after.parameters),
              static_cast<long>(w1.rows()), static_cast<long>(w2.rows()));
  std::printf("right answers: %.1f %%, largest difference to the masked network: %.1e\n",
              100 * right, static_cast<double>(difference));
  return right > 0.95 && difference < 1e-5F ? 0 : 1;
}
