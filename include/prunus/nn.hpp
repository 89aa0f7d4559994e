// SPDX-License-Identifier: MIT
#pragma once

// Door to the small network that trains on a CPU.

#include <prunus/nn/adam.hpp>
#include <prunus/nn/architectures.hpp>
#include <prunus/nn/calibrate_thresholds.hpp>
#include <prunus/nn/change_based_network.hpp>
#include <prunus/nn/distillation.hpp>
#include <prunus/nn/gated_loss.hpp>
#include <prunus/nn/gated_network.hpp>
#include <prunus/nn/gated_training.hpp>
#include <prunus/nn/hard_samples.hpp>
#include <prunus/nn/hint_loss.hpp>
#include <prunus/nn/inference_kernel.hpp>
#include <prunus/nn/initialization.hpp>
#include <prunus/nn/learning_rate.hpp>
#include <prunus/nn/minibatches.hpp>
#include <prunus/nn/network.hpp>
#include <prunus/nn/observe.hpp>
#include <prunus/nn/observe_correlation.hpp>
#include <prunus/nn/optimizer.hpp>
#include <prunus/nn/random.hpp>
#include <prunus/nn/reconstruct_layer.hpp>
#include <prunus/nn/sgd.hpp>
#include <prunus/nn/softmax_cross_entropy.hpp>
#include <prunus/nn/sparse_inference.hpp>
#include <prunus/nn/training.hpp>
#include <prunus/nn/transformer.hpp>
#include <prunus/nn/unet.hpp>
