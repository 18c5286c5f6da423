# Fails if the linked blob (-DFILE=) holds a relocation that depends on where it is mapped.
# Linked with --emit-relocs, so that what the linker resolved is still listed by section.
execute_process(COMMAND readelf -rW ${FILE} OUTPUT_VARIABLE listing COMMAND_ERROR_IS_FATAL ANY)
string(REPLACE "\n" ";" lines "${listing}")
set(section "")
foreach(line IN LISTS lines)
  if(line MATCHES "Relocation section '([^']*)'")
    set(section "${CMAKE_MATCH_1}")
  elseif(line MATCHES "R_X86_64_(64|32|32S|GOTPCREL|REX_GOTPCRELX|GOTPCRELX) " AND NOT section MATCHES "debug")
    if(NOT line MATCHES "ckpt_agent_(text|file|memory)_bytes")
      message(SEND_ERROR "${FILE}: ${section} depends on its address: ${line}")
    endif()
  endif()
endforeach()
