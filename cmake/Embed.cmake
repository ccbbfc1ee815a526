# dear_embed(TARGET NAME FILES…): compiles text files into TARGET, so that an installed binary needs
# no data folder. The code reads them through base/embedded.h: EmbeddedFiles_NAME().
function(dear_embed target name)
  set(output ${PROJECT_BINARY_DIR}/embedded/${name}.cc)
  add_custom_command(OUTPUT ${output}
    COMMAND ${CMAKE_COMMAND} -DNAME=${name} -DOUTPUT=${output} "-DFILES=${ARGN}" -P ${PROJECT_SOURCE_DIR}/cmake/EmbedScript.cmake
    DEPENDS ${ARGN} ${PROJECT_SOURCE_DIR}/cmake/EmbedScript.cmake VERBATIM)
  target_sources(${target} PRIVATE ${output})
endfunction()
