// SPDX-License-Identifier: MIT
#pragma once

// Door to latency, verdicts and reports.

#include <prunus/measure/fastest_kernel.hpp>
#include <prunus/measure/latency.hpp>
#include <prunus/measure/measurement.hpp>
#include <prunus/measure/report.hpp>
#include <prunus/measure/sensitivity.hpp>
#include <prunus/measure/verdict.hpp>
