#pragma once

// Memory that stays with the process, in huge pages.
//
// An iteration frees hundreds of megabytes that the next one needs again. glibc gives much of it back to the kernel, and
// its pages of 4 KiB are more than the processor's tables of addresses hold: 4 to 14 % of an iteration in float32.

#if defined(__linux__) && defined(__GLIBC__)
#include <malloc.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <climits>
#endif

#include <cstdint>

namespace resnet_fused {

// Asks for huge pages where the heap has grown since the last call. Where there are none, nothing happens.
inline void use_huge_pages() {
#if defined(__linux__) && defined(__GLIBC__) && defined(MADV_HUGEPAGE)
  constexpr uintptr_t page = 2 << 20;
  static const bool kept = mallopt(M_TRIM_THRESHOLD, INT_MAX) && mallopt(M_MMAP_THRESHOLD, 32 << 20) &&
                           mallopt(M_TOP_PAD, 256 << 20);  // the heap grows seldom, by pages that nothing has touched
  static std::atomic<uintptr_t> known{reinterpret_cast<uintptr_t>(sbrk(0)) / page * page};
  const uintptr_t end = reinterpret_cast<uintptr_t>(sbrk(0)) / page * page, begin = known.exchange(end);
  if (kept && end > begin) madvise(reinterpret_cast<void*>(begin), end - begin, MADV_HUGEPAGE);
#endif
}

}  // namespace resnet_fused
