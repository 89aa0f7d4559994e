// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <vector>

namespace side_by_side {

/// Reads results (files of JSON lines, from this program and from the scripts of peers), and writes
/// a Markdown table of every goal and of every piece of work, and a picture.
void report(const std::vector<std::string>& results, const std::string& markdown,
            const std::string& picture);

}  // namespace side_by_side
