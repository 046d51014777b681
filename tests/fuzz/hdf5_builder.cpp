// A program is steps of an operation and its operands; see Builder::step.
#include "tests/fuzz/hdf5_builder.hpp"

#include <algorithm>
#include <array>
#include <stdexcept>
#include <utility>
#include <vector>

#include "tests/fuzz/target.hpp"

namespace precsim::fuzz {
namespace {

constexpr int most_steps = 40;
constexpr int deepest_type = 3;

/// An identifier, closed at the end, or negative where HDF5 refused.
class Id {
 public:
  Id(hid_t id, herr_t (*close)(hid_t)) : id_(id), close_(close) {}
  Id(Id&& other) noexcept : id_(std::exchange(other.id_, H5I_INVALID_HID)), close_(other.close_) {}
  Id(const Id&) = delete;
  Id& operator=(const Id&) = delete;
  ~Id() {
    if (id_ >= 0) close_(id_);
  }
  operator hid_t() const { return id_; }

 private:
  hid_t id_;
  herr_t (*close_)(hid_t);
};

Id untracked(hid_t property_class) {
  Id properties(H5Pcreate(property_class), H5Pclose);
  H5Pset_obj_track_times(properties, false);
  return properties;
}

class Builder {
 public:
  Builder(hid_t file, Input& input, const Hdf5Base& base) : file_(file), input_(input), objects_(base.objects) {
    objects_.insert(objects_.begin(), "/");
    names_.insert(names_.end(), base.names.begin(), base.names.end());
  }

  void run() {
    for (int step = 0; step < most_steps && !input_.at_end(); ++step) one_step();
  }

 private:
  void one_step() {
    const std::uint8_t operation = input_.byte();
    const std::string parent = objects_[input_.byte() % objects_.size()];
    const std::string name = (parent == "/" ? "/" : parent + "/") + name_of(input_.byte());
    const Id links = untracked(H5P_LINK_CREATE);
    switch (operation % 12) {
      case 0: {
        const Id group(H5Gcreate2(file_, name.c_str(), H5P_DEFAULT, untracked(H5P_GROUP_CREATE), H5P_DEFAULT),
                       H5Gclose);
        if (group >= 0) objects_.push_back(name);
        break;
      }
      case 1:
        H5Lcreate_soft("/a", file_, name.c_str(), H5P_DEFAULT, H5P_DEFAULT);
        break;
      case 2:
        H5Lcreate_external("other.h5", "/a", file_, name.c_str(), H5P_DEFAULT, H5P_DEFAULT);
        break;
      case 3:
        H5Lcreate_hard(file_, objects_[input_.byte() % objects_.size()].c_str(), file_, name.c_str(), H5P_DEFAULT,
                       H5P_DEFAULT);
        break;
      case 4: {
        const Id type = any_type(0);
        if (H5Tcommit2(file_, name.c_str(), type, H5P_DEFAULT, untracked(H5P_DATATYPE_CREATE), H5P_DEFAULT) >= 0) {
          objects_.push_back(name);
        }
        break;
      }
      case 5:
      case 6:
        attribute(parent, name_of(input_.byte()));
        break;
      case 10:
        H5Ldelete(file_, name.c_str(), H5P_DEFAULT);
        break;
      case 11:
        H5Adelete_by_name(file_, parent.c_str(), name_of(input_.byte()).c_str(), H5P_DEFAULT);
        break;
      default:
        dataset(name);
    }
  }

  const std::string& name_of(std::size_t choice) const { return names_[choice % names_.size()]; }

  void attribute(const std::string& parent, const std::string& name) {
    const Id object(H5Oopen(file_, parent.c_str(), H5P_DEFAULT), H5Oclose);
    const bool is_text = (input_.byte() & 1) != 0;
    const Id type = is_text ? text_type() : any_type(0);
    const Id space = any_space(false);
    const Id attribute(H5Acreate2(object, name.c_str(), type, space, H5P_DEFAULT, H5P_DEFAULT), H5Aclose);
    if (attribute < 0) return;
    if (is_text) {
      const std::string text(input_.piece());
      const std::vector<const char*> texts(static_cast<std::size_t>(H5Sget_simple_extent_npoints(space)), text.c_str());
      H5Awrite(attribute, type, texts.data());
    } else if (std::string bytes = values(type, space); !bytes.empty()) {
      H5Awrite(attribute, type, bytes.data());
    }
  }

  void dataset(const std::string& name) {
    const std::uint8_t layout = input_.byte();
    const Id type = any_type(0);
    const Id space = any_space(layout % 5 == 1);
    const Id properties = untracked(H5P_DATASET_CREATE);
    const int rank = H5Sget_simple_extent_ndims(space);
    if (layout % 5 == 0) H5Pset_layout(properties, H5D_COMPACT);
    if (layout % 5 == 1) {
      const std::vector<hsize_t> chunk(static_cast<std::size_t>(std::max(rank, 1)), 2);
      H5Pset_chunk(properties, rank, chunk.data());
      if ((layout & 8) != 0) H5Pset_deflate(properties, 4);
      if ((layout & 16) != 0) H5Pset_shuffle(properties);
    }
    if (layout % 5 == 2) H5Pset_external(properties, "outside.bin", 0, H5F_UNLIMITED);
    const Id dataset(H5Dcreate2(file_, name.c_str(), type, space, H5P_DEFAULT, properties, H5P_DEFAULT), H5Dclose);
    if (dataset < 0) return;
    objects_.push_back(name);
    if (layout % 5 == 2 || (layout & 32) != 0) return;  // never written
    if (std::string bytes = values(type, space); !bytes.empty()) {
      H5Dwrite(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, bytes.data());
    }
  }

  /// Texts of variable length within other types are told by no function of the library.
  static bool has_pointers(hid_t type) {
    const H5T_class_t kind = H5Tget_class(type);
    if (kind == H5T_ARRAY) {
      const Id element(H5Tget_super(type), H5Tclose);
      return has_pointers(element);
    }
    for (int i = 0; kind == H5T_COMPOUND && i < H5Tget_nmembers(type); ++i) {
      const Id member(H5Tget_member_type(type, static_cast<unsigned>(i)), H5Tclose);
      if (has_pointers(member)) return true;
    }
    return kind == H5T_VLEN || kind == H5T_REFERENCE || H5Tis_variable_str(type) != 0;
  }

  /// Values for a whole space; none for types whose values are not their own bytes.
  std::string values(hid_t type, hid_t space) {
    if (has_pointers(type)) {
      return {};
    }
    std::string bytes(static_cast<std::size_t>(H5Sget_simple_extent_npoints(space)) * H5Tget_size(type), '\0');
    const std::string_view given = input_.piece();
    std::copy_n(given.begin(), std::min(given.size(), bytes.size()), bytes.begin());
    return bytes;
  }

  Id any_space(bool growing) {
    const std::uint8_t choice = input_.byte();
    if (choice % 8 == 0 && !growing) return {H5Screate(H5S_SCALAR), H5Sclose};
    if (choice % 8 == 1 && !growing) return {H5Screate(H5S_NULL), H5Sclose};
    std::vector<hsize_t> extents(1 + choice % 3);
    for (hsize_t& extent : extents) extent = input_.byte() % 5;
    const std::vector<hsize_t> unlimited(extents.size(), H5S_UNLIMITED);
    return {H5Screate_simple(static_cast<int>(extents.size()), extents.data(), growing ? unlimited.data() : nullptr),
            H5Sclose};
  }

  static Id text_type() {
    Id type(H5Tcopy(H5T_C_S1), H5Tclose);
    H5Tset_size(type, H5T_VARIABLE);
    return type;
  }

  /// A type of any class; a number where HDF5 refuses what the program says.
  Id any_type(int depth) {
    Id type = asked_type(depth);
    return type >= 0 && H5Tget_size(type) > 0 ? std::move(type) : Id(H5Tcopy(H5T_STD_I32LE), H5Tclose);
  }

  Id asked_type(int depth) {
    const std::uint8_t choice = input_.byte();
    switch (depth < deepest_type ? choice % 12 : choice % 6) {
      case 0:
        return number(std::array{H5T_STD_I8LE, H5T_STD_U16BE, H5T_STD_I32LE, H5T_STD_U64BE}[choice / 12 % 4]);
      case 1:
        return {H5Tcopy(choice / 12 % 2 == 0 ? H5T_IEEE_F64LE : H5T_IEEE_F32BE), H5Tclose};
      case 2: {
        Id type(H5Tcopy(H5T_C_S1), H5Tclose);
        H5Tset_size(type, 1 + choice / 12);
        return type;
      }
      case 3: {
        Id type(H5Tcreate(H5T_OPAQUE, 1 + choice / 12), H5Tclose);
        H5Tset_tag(type, "tag");
        return type;
      }
      case 4:
        return number(H5T_STD_B32LE);
      case 5:
        return {H5Tcopy(choice / 12 % 2 == 0 ? H5T_STD_REF_OBJ : H5T_IEEE_F64BE), H5Tclose};
      case 6:
        return text_type();
      case 7:
        return {H5Tvlen_create(any_type(depth + 1)), H5Tclose};
      case 8: {
        const std::array<hsize_t, 2> extents = {1 + input_.byte() % hsize_t{3}, 2};
        return {H5Tarray_create2(any_type(depth + 1), 1 + choice / 12 % 2, extents.data()), H5Tclose};
      }
      case 9: {
        Id type(H5Tenum_create(H5T_STD_I16LE), H5Tclose);
        for (std::int16_t member = 0; member <= choice / 12 % 4; ++member) {
          H5Tenum_insert(type, names_[static_cast<std::size_t>(member)].c_str(), &member);
        }
        return type;
      }
      default:
        return compound(depth, 1 + choice / 12 % 4);
    }
  }

  /// With fewer bits than bytes, now and then.
  Id number(hid_t of) {
    Id type(H5Tcopy(of), H5Tclose);
    const std::uint8_t bits = input_.byte();
    if ((bits & 1) != 0) {
      H5Tset_precision(type, 1 + bits / 8 % 8);
      H5Tset_offset(type, bits / 64);
    }
    return type;
  }

  Id compound(int depth, int members) {
    std::vector<Id> types;
    std::size_t size = 0;
    for (int i = 0; i < members; ++i) {
      types.push_back(any_type(depth + 1));
      size += H5Tget_size(types.back());
    }
    const std::size_t gap = input_.byte() % 4;
    Id type(H5Tcreate(H5T_COMPOUND, size + gap), H5Tclose);
    std::size_t at = gap;
    for (std::size_t i = 0; i < types.size(); ++i) {
      H5Tinsert(type, names_[i].c_str(), at, types[i]);
      at += H5Tget_size(types[i]);
    }
    return type;
  }

  hid_t file_;
  Input& input_;
  std::vector<std::string> objects_;
  /// Few, so that programs meet.
  std::vector<std::string> names_ = {"a", "b", "provenance", "d", "\xc3\xa4", "f g"};
};

}  // namespace

std::string build_hdf5(std::string_view program, const Hdf5Base& base) {
  H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);
  Input input(program);
  const Id access(H5Pcreate(H5P_FILE_ACCESS), H5Pclose);
  H5Pset_fapl_core(access, 65536, false);
  std::string start = base.image;
  if (!start.empty()) H5Pset_file_image(access, start.data(), start.size());
  const Id file(
      start.empty() ? H5Fcreate("built", H5F_ACC_TRUNC, H5P_DEFAULT, access) : H5Fopen("built", H5F_ACC_RDWR, access),
      H5Fclose);
  Builder(file, input, base).run();
  H5Fflush(file, H5F_SCOPE_LOCAL);
  const ssize_t size = H5Fget_file_image(file, nullptr, 0);
  if (size <= 0) throw std::runtime_error("HDF5 made no file");
  std::string image(static_cast<std::size_t>(size), '\0');
  H5Fget_file_image(file, image.data(), image.size());
  return image;
}

}  // namespace precsim::fuzz
